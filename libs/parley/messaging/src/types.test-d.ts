// Not run: each `@ts-expect-error` line must be an error, or `npm run typecheck` fails.
import { broadcast, call, command, event, stream, wire } from '@parley/contract';
import { z } from 'zod';
import { CallError } from './calls/call-error';
import type {
  BatchContext,
  CallContext,
  HandlerContext,
  StreamContext,
} from './message/handler-context';
import { Handles } from './handlers/handles';
import type { Messenger } from './sending/messenger';

const Reserve = command('stock.reserve', z.object({ orderId: z.uuid(), quantity: z.int() }), {
  key: 'orderId',
});
const Reserved = event('stock.reserved', z.object({ orderId: z.uuid() }), { key: 'orderId' });
const Moved = broadcast('stock.moved', z.object({ shelf: z.string() }));
const Count = call('stock.count', {
  request: z.object({ sku: z.string() }),
  reply: z.object({ count: z.int() }),
  errors: { unknown: z.object({ sku: z.string() }) },
});

// @ts-expect-error an event's key is a field of its payload
event('stock.lost', z.object({ orderId: z.uuid() }), { key: 'order' });
// @ts-expect-error an event has a key
event('stock.found', z.object({ orderId: z.uuid() }));
// @ts-expect-error a key is text
command('stock.audit', z.object({ shelf: z.int() }), { key: 'shelf' });

const upcasts = { 1: (old: { order: string }) => ({ orderId: old.order }) };
event('stock.counted', z.object({ orderId: z.uuid() }), { key: 'orderId', version: 2, upcasts });
command('stock.recount', z.object({ orderId: z.uuid() }), {
  version: 2,
  upcasts: { 1: ({ order }) => ({ orderId: String(order) }) },
});
broadcast('stock.recounted', z.object({ shelf: z.string().default('none') }), {
  version: 2,
  upcasts: { 1: () => ({}) },
});
event('stock.miscounted', z.object({ orderId: z.uuid() }), {
  key: 'orderId',
  version: 2,
  // @ts-expect-error an upcast makes another payload than the contract carries
  upcasts: { 1: () => ({ order: 'a' }) },
});
command('stock.count-again', z.object({ orderId: z.uuid() }), {
  version: 2,
  // @ts-expect-error a payload of an older version is unknown until its type is declared
  upcasts: { 1: (old) => ({ orderId: old['orderId'] }) },
});
call('stock.ask', {
  request: z.object({}),
  reply: z.object({}),
  version: 2,
  // @ts-expect-error a call is not stored: there is nothing to upcast
  upcasts: { 1: () => ({}) },
});

export class StockController {
  @Handles(Reserve)
  async reserve(
    { orderId, quantity }: { orderId: string; quantity: number },
    { tx }: HandlerContext,
  ) {
    await tx.query('select $1, $2', [orderId, quantity]);
  }

  @Handles(Count)
  count({ sku }: { sku: string }, { deadline }: CallContext) {
    return { count: sku.length + deadline.budget() };
  }

  @Handles(Reserved)
  returnsAnything({ orderId }: { orderId: string }) {
    return { orderId };
  }

  // @ts-expect-error the reply lacks `count`
  @Handles(Count)
  wrongReply({ sku }: { sku: string }) {
    return { sku };
  }

  // @ts-expect-error the message is another contract's
  @Handles(Reserve)
  async wrongMessage({ shelf }: { shelf: string }) {
    void shelf;
  }

  // @ts-expect-error a call has no transaction of its own
  @Handles(Count)
  wrongContext({ sku }: { sku: string }, { tx }: HandlerContext) {
    return { count: sku.length, tx };
  }
}

export async function says(messenger: Messenger): Promise<number> {
  await messenger.send(Reserve, { orderId: 'a', quantity: 1 }, { delay: '5m' });
  await messenger.publish(Reserved, { orderId: 'a' });
  await messenger.broadcast(Moved, { shelf: 'a' });
  await messenger.outside.send(Reserve, { orderId: 'a', quantity: 1 });
  // @ts-expect-error an event is published, not sent
  await messenger.send(Reserved, { orderId: 'a' });
  // @ts-expect-error a command is sent, not published
  await messenger.publish(Reserve, { orderId: 'a', quantity: 1 });
  // @ts-expect-error a broadcast is not an event
  await messenger.publish(Moved, { shelf: 'a' });
  // @ts-expect-error `quantity` is missing
  await messenger.send(Reserve, { orderId: 'a' });
  // @ts-expect-error a duration has no space
  await messenger.send(Reserve, { orderId: 'a', quantity: 1 }, { delay: '5 m' });
  await messenger.send(Reserve, { orderId: 'a', quantity: 1 }, { delay: '1.5s', expires: 90_000 });
  // @ts-expect-error a duration has a unit
  await messenger.send(Reserve, { orderId: 'a', quantity: 1 }, { delay: '5 minutes' });
  // @ts-expect-error outside has no call: it never joins
  void messenger.outside.call;

  const reply = await messenger.call(Count, { sku: 'a' }).catch((error: unknown) => {
    if (CallError.is(error, Count, 'unknown')) return { count: error.details.sku.length };
    // @ts-expect-error the contract has no such error
    if (CallError.is(error, Count, 'missing')) return { count: 0 };
    throw error;
  });
  return reply.count;
}

export class BatchController {
  @Handles(Reserve, { batch: 50 })
  async reserve(
    commands: { orderId: string; quantity: number }[],
    { tx, envelopes }: BatchContext,
  ) {
    await tx.query('select $1', [commands.length + envelopes.length]);
  }

  // @ts-expect-error a batch is a list
  @Handles(Reserved, { batch: 50 })
  async notAList({ orderId }: { orderId: string }) {
    void orderId;
  }

  // @ts-expect-error without `batch` they come one by one
  @Handles(Reserved)
  async notOne(events: { orderId: string }[]) {
    void events;
  }

  // @ts-expect-error the messages are another contract's
  @Handles(Reserved, { batch: 50 })
  async wrongMessages(events: { shelf: string }[]) {
    void events;
  }

  // @ts-expect-error a batch has no single envelope
  @Handles(Reserved, { batch: 50 })
  async wrongContext(events: { orderId: string }[], { envelope }: HandlerContext) {
    void [events, envelope];
  }

  // @ts-expect-error a broadcast has no acknowledgement, and so no batches
  @Handles(Moved, { batch: 50 })
  async noBatches(moved: { shelf: string }[]) {
    void moved;
  }
}

const Meter = z.object({
  meter: z.string(),
  at: wire.date(),
  total: wire.bigint(),
  price: wire.decimal(2).optional(),
  unit: z.string().default('kWh'),
});
const Read = command('meters.read-meter', Meter, { key: 'meter' });
const Ask = call('meters.ask-meter', { request: Meter, reply: Meter });

export class MeterController {
  @Handles(Read)
  async read({
    at,
    total,
    price,
    unit,
  }: {
    at: Date;
    total: bigint;
    price?: bigint;
    unit: string;
  }) {
    void [at.getTime(), total * 2n, price, unit.length];
  }

  // @ts-expect-error a date is a Date, not its text
  @Handles(Read)
  async wrongDate({ at }: { at: string }) {
    void at;
  }

  @Handles(Ask)
  ask({ meter, at }: { meter: string; at: Date }) {
    return { meter, at, total: 1n };
  }
}

export async function measures(messenger: Messenger): Promise<void> {
  await messenger.send(Read, { meter: 'a', at: new Date(), total: 1n });
  await messenger.send(Read, {
    meter: 'a',
    at: '2026-01-31T12:00:00Z',
    total: '1',
    price: 150n,
    unit: 'm3',
  });
  // @ts-expect-error only a field with a default may be left out
  await messenger.send(Read, { meter: 'a', at: new Date() });
  // @ts-expect-error a number is no bigint
  await messenger.send(Read, { meter: 'a', at: new Date(), total: 1 });
  const { unit, at } = await messenger.call(Ask, { meter: 'a', at: new Date(), total: 1n });
  void [unit.length, at.getTime()];
}

const numbered = z.object({ n: z.int(), note: z.string().optional() });
/** The compiler’s sentence where no field can be the key. */
export const noKeyField: Parameters<typeof event<typeof numbered>>[2]['key'] =
  'the key must name a required string field of the payload';
// @ts-expect-error a number is no key
export const keyedByNumber = () => event('stock.counted', numbered, { key: 'n' });

const Shelf = z.object({ shelf: z.string(), at: wire.date(), unit: z.string().default('kg') });
const List = stream('stock.list-shelves', {
  request: z.object({ sku: z.string() }),
  item: Shelf,
  errors: { unknown: z.object({ sku: z.string() }) },
  deadline: '1m',
});
// @ts-expect-error how long all of it may take is for the contract to say
stream('stock.watch-shelves', { request: Shelf, item: Shelf });
stream('stock.hedge-shelves', {
  request: Shelf,
  item: Shelf,
  deadline: '1m',
  // @ts-expect-error nothing replaces the items of a stream
  resilience: { hedge: true },
});

export class ShelfController {
  @Handles(List)
  async *list({ sku }: { sku: string }, { signal, deadline }: StreamContext) {
    yield { shelf: sku, at: new Date(), unit: `${deadline.budget()} ${signal.aborted}` };
    yield { shelf: sku, at: '2026-01-31T12:00:00Z' };
  }

  // @ts-expect-error the items are another contract's
  @Handles(List)
  async *wrongItems({ sku }: { sku: string }) {
    yield { sku };
  }

  // @ts-expect-error a stream is answered by items
  @Handles(List)
  async oneReply({ sku }: { sku: string }) {
    return { shelf: sku, at: new Date() };
  }

  // @ts-expect-error it has no transaction that stays open for a reader
  @Handles(List)
  async *inTransaction({ sku }: { sku: string }, { transaction }: CallContext) {
    yield { shelf: sku, at: new Date(), unit: String(transaction) };
  }
}

export async function reads(messenger: Messenger): Promise<void> {
  for await (const { at, unit } of messenger.stream(List, { sku: 'a' }, { deadline: '5s' }))
    void [at.getTime(), unit.length];
  // @ts-expect-error a stream has no one reply
  await messenger.call(List, { sku: 'a' });
  // @ts-expect-error a call has no items
  messenger.stream(Count, { sku: 'a' });
  // @ts-expect-error a stream may always be asked for again
  messenger.stream(List, { sku: 'a' }, { idempotencyKey: 'k' });
}
