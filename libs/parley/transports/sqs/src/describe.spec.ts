import { command } from '@parley/contract';
import { systemClock } from '@parley/messaging/transport';
import { z } from 'zod';
import { sqs } from './sqs';
import { groupOf } from './topology';

const payload = z.object({ orderId: z.string() });
const Keyed = command('inventory.describe-keyed', payload, { key: 'orderId' });
const Loose = command('inventory.describe-loose', payload);

describe('SQS, explained', () => {
  const transport = sqs.open!('sqs://me:secret@eu-west-1?prefix=shop-', {
    service: 'orders',
    instance: 'orders-1',
    clock: systemClock,
    log: () => undefined,
  });
  const names = (contract: typeof Keyed | typeof Loose) =>
    transport.describe!(contract).map(({ name }) => name);

  it('names the queues that a command passes', () => {
    expect(names(Keyed)).toEqual([
      'shop-inventory-lanes.fifo, by orderId',
      'shop-inventory-dead.fifo',
    ]);
    expect(names(Loose)).toEqual(['shop-inventory', 'shop-inventory-dead']);
    expect(transport.address).toBe('sqs://eu-west-1');
  });

  it('lists what must exist', () => {
    const resources = transport.topology!([Keyed, Loose], []);
    expect(resources.map(({ name }) => name)).toEqual([
      'shop-inventory',
      'shop-inventory-lanes.fifo',
      'shop-inventory-dead',
      'shop-inventory-dead.fifo',
    ]);
    expect(resources[1]!.settings).toMatchObject({
      FifoQueue: 'true',
      MessageRetentionPeriod: '1209600',
    });
    expect(JSON.parse(String(resources[0]!.settings.RedrivePolicy))).toEqual({
      deadLetterTargetArn: 'shop-inventory-dead',
      maxReceiveCount: 50,
    });
  });
});

describe('the message group of a key', () => {
  it('is the key, or its hash where SQS would not take it', () => {
    expect(groupOf('order-1')).toBe('order-1');
    for (const odd of ['', 'ключ', 'a b', 'x'.repeat(129)])
      expect(groupOf(odd)).toMatch(/^[0-9a-f]{64}$/);
  });
});
