import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ChargePayment,
  PaymentCaptured,
  PaymentDeclined,
  PaymentRefunded,
  RefundPayment,
} from '@contracts/payments';
import { Harness } from '@parley/testing';
import { Ledger } from '../../payment-provider/src/ledger';
import { ProviderServer } from '../../payment-provider/src/server';
import { PaymentController } from './payment.controller';
import { PaymentStore } from './payment.store';
import { MemoryPaymentStore } from './payment.store.memory';
import { PaymentProvider } from './provider';
import { ProviderConnection } from './provider-connection';

describe('the service payments, told twice and out of order', () => {
  let folder: string;
  let server: ProviderServer;
  let url: string;
  let connection: ProviderConnection;
  let harness: Harness;

  const ledger = async () =>
    (await (await fetch(`${url}/ledger`)).json()) as { captured: number; refunded: number };
  const down = (isDown: boolean) =>
    fetch(`${url}/admin`, { method: 'POST', body: JSON.stringify({ down: isDown }) });
  const charge = async (token: string) => {
    const orderId = randomUUID();
    await harness.send(ChargePayment, { orderId, amount: 100, token });
    return orderId;
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'payments-'));
    server = new ProviderServer(await Ledger.open(folder));
    url = `http://127.0.0.1:${await server.listen(0)}`;
    connection = new ProviderConnection(new URL(url), 2_000);
    harness = new Harness({ mischief: { seed: 3, duplicate: 0.5, reorder: true } });
    const store = new MemoryPaymentStore();
    const instance = {
      controllers: [PaymentController],
      providers: [
        { provide: PaymentStore, useValue: store },
        { provide: PaymentProvider, useValue: new PaymentProvider(connection) },
      ],
    };
    await harness.start('payments', instance);
    await harness.start('payments', instance);
  });
  afterEach(async () => {
    await harness.close();
    connection.close();
    await server.close();
    await rm(folder, { recursive: true });
  });

  it('charges and answers each order once', async () => {
    const tokens = ['tok_ok', 'tok_declined', 'tok_flaky'];
    await Promise.all(Array.from({ length: 30 }, (_, n) => charge(tokens[n % 3]!)));
    await harness.settled();
    expect(harness.sent(PaymentCaptured)).toHaveLength(20);
    expect(harness.sent(PaymentDeclined)).toHaveLength(10);
    expect(await ledger()).toMatchObject({ captured: 2_000 });
    expect(await harness.deadLetters()).toEqual([]);
  });

  it('charges when the provider is back, and the refund that waited behind comes after it', async () => {
    await down(true);
    const orderId = await charge('tok_ok');
    await harness.settled();
    await harness.send(RefundPayment, { orderId, reason: 'it took too long' });
    await harness.settled();
    await down(false);
    await harness.advance('15s');
    await harness.settled();
    expect(harness.sent(PaymentCaptured)).toEqual([
      { orderId, amount: 100, reference: expect.any(String) },
    ]);
    expect(harness.sent(PaymentRefunded)).toEqual([{ orderId, amount: 100 }]);
    expect(await ledger()).toMatchObject({ captured: 100, refunded: 100 });
  });
});
