import { randomUUID } from 'node:crypto';
import {
  ListStock,
  ReleaseStock,
  ReserveStock,
  StockRejected,
  StockReleased,
  StockReserved,
} from '@contracts/inventory';
import { ParcelDispatched } from '@contracts/shipping';
import { Harness } from '@parley/testing';
import { ShipmentsController } from './shipments.controller';
import { StockController } from './stock.controller';
import { StockStore } from './stock.store';
import { MemoryStockStore } from './stock.store.memory';

const sku = 'TEA-0001';

describe('the service inventory, two instances, told twice and out of order', () => {
  let harness: Harness;
  const reserve = (quantity: number, orderId: string = randomUUID()) =>
    harness.send(ReserveStock, { orderId, lines: [{ sku, quantity }] });
  const level = async () => {
    const { available, reserved, shipped } = (await harness.call(ListStock, {})).levels[0]!;
    return [available, reserved, shipped];
  };

  beforeEach(async () => {
    harness = new Harness({ mischief: { seed: 11, duplicate: 0.5, reorder: true } });
    const instance = {
      controllers: [StockController, ShipmentsController],
      providers: [{ provide: StockStore, useValue: new MemoryStockStore([{ sku, pieces: 10 }]) }],
    };
    await harness.start('inventory', instance);
    await harness.start('inventory', instance);
  });
  afterEach(async () => {
    expect(await harness.deadLetters()).toEqual([]);
    await harness.close();
  });

  it('reserves what is there, and says so once', async () => {
    const orderId = randomUUID();
    await reserve(3, orderId);
    await harness.settled();
    expect(harness.sent(StockReserved)).toEqual([{ orderId }]);
    expect(await level()).toEqual([7, 3, 0]);
  });

  it('answers each of 50 orders, and fills only those for which there are pieces', async () => {
    await Promise.all(Array.from({ length: 50 }, () => reserve(1)));
    await harness.settled();
    expect(harness.sent(StockReserved)).toHaveLength(10);
    expect(harness.sent(StockRejected)).toHaveLength(40);
    expect(harness.sent(StockRejected)[0]).toMatchObject({ sku, reason: 'sold out' });
    expect(await level()).toEqual([0, 10, 0]);
  });

  it('answers again, and reserves no more, when an order asks again', async () => {
    const orderId = randomUUID();
    await reserve(3, orderId);
    await reserve(3, orderId);
    await harness.settled();
    expect(harness.sent(StockReserved)).toEqual([{ orderId }, { orderId }]);
    expect(await level()).toEqual([7, 3, 0]);
  });

  it('gives back what was reserved', async () => {
    const orderId = randomUUID();
    await reserve(3, orderId);
    await harness.send(ReleaseStock, { orderId });
    await harness.settled();
    expect(harness.sent(StockReleased)).toEqual([{ orderId }]);
    expect(await level()).toEqual([10, 0, 0]);
  });

  it('reserves nothing for an order that was given up before, and does not say that it did', async () => {
    const orderId = randomUUID();
    await harness.send(ReleaseStock, { orderId });
    await reserve(3, orderId);
    await harness.settled();
    expect(harness.sent(StockReserved)).toEqual([]);
    expect(harness.sent(StockReleased)).toEqual([{ orderId }]);
    expect(await level()).toEqual([10, 0, 0]);
  });

  it('counts as shipped what has left', async () => {
    const orderId = randomUUID();
    await reserve(3, orderId);
    await harness.settled();
    await harness.publish(ParcelDispatched, {
      orderId,
      parcelId: randomUUID(),
      trackingNumber: 'PL1',
      lines: [],
    });
    await harness.settled();
    expect(await level()).toEqual([7, 0, 3]);
  });
});
