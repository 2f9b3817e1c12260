import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TemporarySchema } from '@parley/testing';
import { Ledger } from '../../payment-provider/src/ledger';
import { ProviderServer } from '../../payment-provider/src/server';
import { CreatePayment1790000400000 } from './migrations/1790000400000-create-payment';
import { paymentsTrial } from './payment.controller.trial';
import { SqlPaymentStore } from './payment.store';

async function openProvider() {
  const folder = await mkdtemp(join(tmpdir(), 'payments-'));
  const server = new ProviderServer(await Ledger.open(folder));
  const url = `http://127.0.0.1:${await server.listen(0)}`;
  return { url, close: () => server.close().then(() => rm(folder, { recursive: true })) };
}

paymentsTrial('PostgreSQL', openProvider, async () => {
  const database = await TemporarySchema.create(process.env.PARLEY_TEST_POSTGRES, [
    CreatePayment1790000400000,
  ]);
  return { store: new SqlPaymentStore(), database, close: () => database.drop() };
});
