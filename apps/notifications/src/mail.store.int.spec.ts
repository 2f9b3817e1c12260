import { TemporarySchema } from '@parley/testing';
import { SqlMailStore } from './mail.store';
import { mailStoreTrial } from './mail.store.trial';
import { CreateMail1790000600000 } from './migrations/1790000600000-create-mail';

mailStoreTrial('PostgreSQL', async () => {
  const database = await TemporarySchema.create(process.env.PARLEY_TEST_POSTGRES, [
    CreateMail1790000600000,
  ]);
  return {
    store: new SqlMailStore(database.dataSource.manager),
    database,
    close: () => database.drop(),
  };
});
