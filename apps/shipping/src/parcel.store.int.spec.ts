import { TemporarySchema } from '@parley/testing';
import { CreateParcel1790000500000 } from './migrations/1790000500000-create-parcel';
import { SqlParcelStore } from './parcel.store';
import { parcelStoreTrial } from './parcel.store.trial';

parcelStoreTrial('PostgreSQL', async () => {
  const database = await TemporarySchema.create(process.env.PARLEY_TEST_POSTGRES, [
    CreateParcel1790000500000,
  ]);
  return {
    store: new SqlParcelStore(database.dataSource.manager),
    database,
    close: () => database.drop(),
  };
});
