import { randomUUID } from 'node:crypto';
import { GetFigures } from '@contracts/insights';
import { CustomerNotified } from '@contracts/notifications';
import { OrderDelivered, OrderPlaced, OrderRejected } from '@contracts/orders';
import { Harness } from '@parley/testing';
import { FiguresController } from './figures.controller';
import { FiguresStore } from './figures.store';
import { MemoryFiguresStore } from './figures.store.memory';

const customer = {
  name: 'Ada',
  email: 'ada@example.org',
  address: { line1: '1 Mill Lane', city: 'Bath', postcode: 'BA1', country: 'GB' },
};
const lines = [{ sku: 'TEA-0001', quantity: 2, name: 'Assam', price: 450, grams: 120 }];

describe('the service insights, told twice', () => {
  let harness: Harness;
  const start = () =>
    harness.start('insights', {
      controllers: [FiguresController],
      providers: [{ provide: FiguresStore, useValue: new MemoryFiguresStore() }],
    });
  const place = async () => {
    const orderId = randomUUID();
    await harness.publish(OrderPlaced, {
      orderId,
      customer,
      lines,
      total: 900,
      payment: { token: 'tok_ok' },
    });
    return orderId;
  };

  beforeEach(() => void (harness = new Harness({ mischief: { seed: 4, duplicate: 0.5 } })));
  afterEach(() => harness.close());

  it('adds up what happened before it was there, each thing once', async () => {
    const [first, second] = [await place(), await place()];
    await place();
    await harness.advance('2s');
    await harness.publish(OrderDelivered, { orderId: first, total: 900 });
    await harness.publish(OrderRejected, {
      orderId: second,
      customer,
      total: 900,
      reason: 'limit',
    });
    await harness.publish(CustomerNotified, {
      orderId: first,
      to: customer.email,
      subject: 'Your parcel',
    });
    await start();
    await harness.settled();
    expect(await harness.call(GetFigures, {})).toEqual({
      placed: 3,
      delivered: 1,
      rejected: 1,
      underWay: 1,
      revenue: 900,
      mails: 1,
      duration: { p50: 2_000, p99: 2_000 },
      bestSellers: [{ sku: 'TEA-0001', name: 'Assam', pieces: 2 }],
      reasons: [{ reason: 'limit', orders: 1 }],
    });
    expect(await harness.deadLetters()).toEqual([]);
  });

  it('goes on with what happens now', async () => {
    await start();
    expect(await harness.call(GetFigures, {})).toMatchObject({ placed: 0 });
    await place();
    await harness.settled();
    expect(await harness.call(GetFigures, {})).toMatchObject({ placed: 1, underWay: 1 });
  });
});
