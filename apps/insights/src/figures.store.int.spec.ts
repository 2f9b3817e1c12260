import { TemporarySchema } from '@parley/testing';
import { SqlFiguresStore } from './figures.store';
import { figuresStoreTrial } from './figures.store.trial';
import { CreateFigures1790000400000 } from './migrations/1790000400000-create-figures';

figuresStoreTrial('PostgreSQL', async () => {
  const database = await TemporarySchema.create(process.env.PARLEY_TEST_POSTGRES, [
    CreateFigures1790000400000,
  ]);
  const { manager } = database.dataSource;
  return {
    store: new SqlFiguresStore(manager),
    database,
    clear: () => manager.query('truncate order_fact'),
    close: () => database.drop(),
  };
});
