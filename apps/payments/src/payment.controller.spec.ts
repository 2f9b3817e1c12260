import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryStore } from '@parley/memory';
import { Ledger } from '../../payment-provider/src/ledger';
import { ProviderServer } from '../../payment-provider/src/server';
import { paymentsTrial } from './payment.controller.trial';
import { MemoryPaymentStore } from './payment.store.memory';

async function openProvider() {
  const folder = await mkdtemp(join(tmpdir(), 'payments-'));
  const server = new ProviderServer(await Ledger.open(folder));
  const url = `http://127.0.0.1:${await server.listen(0)}`;
  return { url, close: () => server.close().then(() => rm(folder, { recursive: true })) };
}

paymentsTrial('memory', openProvider, async () => ({
  store: new MemoryPaymentStore(),
  database: new MemoryStore(),
}));
