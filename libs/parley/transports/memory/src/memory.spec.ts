import { randomUUID } from 'node:crypto';
import { broadcast, call, command, event, type Contract, type Kind } from '@parley/contract';
import {
  ReplyLostError,
  OwnerUnavailableError,
  Subscription,
  type SubscriptionOptions,
} from '@parley/messaging';
import {
  HandlerRegistry,
  systemClock,
  type CallResult,
  type HandleCall,
  type Deliver,
  type Delivery,
  type Consumer,
  type Outcome,
  type OutgoingCall,
  type OutgoingMessage,
  type TransportContext,
} from '@parley/messaging/transport';
import { Deadline, DeadlineExceededError } from '@parley/resilience';
import { VirtualClock } from '@parley/testing';
import { z } from 'zod';
import { memory } from './memory';
import { MemoryBroker } from './broker';

const Ship = command('shipping.ship-order', z.object({ orderId: z.string() }), { key: 'orderId' });
const Placed = event('orders.order-placed', z.object({ orderId: z.string() }), { key: 'orderId' });
const Priced = broadcast('catalog.price-changed', z.object({ orderId: z.string() }));
const Quote = call('catalog.quote-price', { request: z.object({}), reply: z.object({}) });

let url: string;
const open: { close(): Promise<void> }[] = [];
beforeEach(() => (url = `memory://${randomUUID()}`));
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  MemoryBroker.forget(url);
});

const context = (service: string): TransportContext => ({
  service,
  instance: `${service}-1`,
  clock: systemClock,
  log: () => {},
});
const publish = (...messages: OutgoingMessage[]) =>
  memory.open!(url, context('orders')).publish(messages);

function sent(contract: Contract, orderId = 'o-1', delay?: number): OutgoingMessage {
  const id = randomUUID();
  const partitionkey = contract.key === undefined ? undefined : orderId;
  const envelope = { id, type: contract.name, partitionkey } as OutgoingMessage['envelope'];
  return { contract, envelope, body: Buffer.from(JSON.stringify({ orderId })), delay };
}

/** An instance of a service that handles one contract, with its deliveries. */
async function instance(
  service: string,
  contract: Contract,
  decide: (delivery: Delivery, count: number) => Outcome | Promise<Outcome> = () => done,
  options?: SubscriptionOptions,
) {
  const deliveries: Delivery[] = [];
  const waiting = new Set<() => void>();
  const deliver: Deliver = async (delivery) => {
    deliveries.push(delivery);
    for (const look of waiting) look();
    return decide(delivery, deliveries.length);
  };
  const registry = new HandlerRegistry(service, 3);
  const intake = memory.open!(url, context(service)).consumer(
    contract.kind as Exclude<Kind, 'call'>,
    registry,
    deliver,
  );
  class Handlers {}
  Subscription('sub', options)(Handlers);
  (intake as unknown as { addHandler(...args: unknown[]): void }).addHandler(
    contract.name,
    async () => {},
    true,
    { contract, options: {}, handlerClass: Handlers, method: 'handle' },
  );
  await listening(intake);
  open.push(intake);
  const received = (count: number) =>
    new Promise<void>((resolve) => {
      const look = () => deliveries.length >= count && resolve();
      waiting.add(look);
      look();
    });
  return {
    intake,
    deliveries,
    received,
    ids: () => deliveries.map(({ headers }) => headers.id),
  };
}

const listening = (server: { listen(started: (error?: unknown) => void): unknown }) =>
  new Promise<void>((resolve) => void server.listen(() => resolve()));
const done: Outcome = { kind: 'done', settled: false };
const idsOf = (messages: readonly OutgoingMessage[]) => messages.map(({ envelope }) => envelope.id);

function gate() {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

describe('a command', () => {
  it('waits for its owner to start, and reaches one instance of it, as bytes', async () => {
    const messages = Array.from({ length: 10 }, (_, n) => sent(Ship, `o-${n}`));
    await publish(...messages);
    const [a, b] = [await instance('shipping', Ship), await instance('shipping', Ship)];
    await Promise.all([a.received(5), b.received(5)]);
    expect([...a.ids(), ...b.ids()].sort()).toEqual(idsOf(messages).sort());
    expect(a.deliveries[0]!.body).toBeInstanceOf(Buffer);
    expect(a.deliveries[0]).toMatchObject({ attempt: 1, supports: { retry: false, dead: false } });
  });

  it('is delivered in the order of its key, one at a time, while other keys flow', async () => {
    const first = gate();
    const shipping = await instance('shipping', Ship, async (_, count) => {
      if (count === 1) await first.opened;
      return done;
    });
    const [a1, a2, b1] = [sent(Ship, 'a'), sent(Ship, 'a'), sent(Ship, 'b')];
    await publish(a1, a2, b1);
    await shipping.received(2);
    expect(shipping.ids()).toEqual(idsOf([a1, b1]));
    first.open();
    await shipping.received(3);
    expect(shipping.ids()).toEqual(idsOf([a1, b1, a2]));
  });

  it('that is returned comes again before its successors, as the first attempt', async () => {
    const messages = [sent(Ship), sent(Ship)];
    const shipping = await instance('shipping', Ship, (_, count) =>
      count === 1 ? { kind: 'return' } : done,
    );
    await publish(...messages);
    await shipping.received(3);
    const [first, second] = idsOf(messages);
    expect(shipping.ids()).toEqual([first, first, second]);
    expect(shipping.deliveries[1]!.attempt).toBe(1);
  });

  it('of an instance that died is delivered to another', async () => {
    const dying = await instance('shipping', Ship, () => new Promise(() => {}));
    await publish(sent(Ship));
    await dying.received(1);
    const living = await instance('shipping', Ship);
    await dying.intake.close();
    await living.received(1);
    expect(dying.deliveries[0]!.signal.aborted).toBe(true);
  });

  it('belongs to its new instance alone, whatever the old one says later', async () => {
    const [late, finish] = [gate(), gate()];
    const dying = await instance('shipping', Ship, () => late.opened.then(() => done));
    await publish(sent(Ship), sent(Ship));
    await dying.received(1);
    const living = await instance('shipping', Ship, () => finish.opened.then(() => done));
    await dying.intake.close();
    await living.received(1);
    late.open();
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    expect(living.deliveries).toHaveLength(1);
    finish.open();
    await living.received(2);
  });

  it('is not delivered any more once the intake was stopped, and those under way go on', async () => {
    const finish = gate();
    const stopping = await instance('shipping', Ship, () => finish.opened.then(() => done));
    await publish(sent(Ship, 'a'));
    await stopping.received(1);
    await stopping.intake.stop();
    const late = sent(Ship, 'b');
    await publish(late);
    const living = await instance('shipping', Ship);
    await living.received(1);
    finish.open();
    expect(living.ids()).toEqual([late.envelope.id]);
    expect(stopping.deliveries[0]!.signal.aborted).toBe(false);
  });

  it('is held back for its delay', async () => {
    const clock = new VirtualClock();
    MemoryBroker.at(url, clock); // the first caller determines the broker's clock
    const shipping = await instance('shipping', Ship);
    const [late, now] = [sent(Ship, 'a', 30), sent(Ship, 'b')];
    await publish(late, now);
    await shipping.received(1);
    await clock.advance('29ms');
    expect(shipping.ids()).toEqual(idsOf([now]));
    await clock.advance('1ms');
    await shipping.received(2);
    expect(shipping.ids()).toEqual(idsOf([now, late]));
  });
});

describe('an event', () => {
  it('reaches every subscription, from the beginning, also one that starts later', async () => {
    const messages = [sent(Placed), sent(Placed)];
    const orders = await instance('orders', Placed);
    await publish(messages[0]!);
    const insights = await instance('insights', Placed);
    await publish(messages[1]!);
    await Promise.all([orders.received(2), insights.received(2)]);
    expect([orders.ids(), insights.ids()]).toEqual([idsOf(messages), idsOf(messages)]);
  });

  it('is not seen by a subscription that starts from now', async () => {
    await publish(sent(Placed));
    const insights = await instance('insights', Placed, undefined, { from: 'now' });
    const later = sent(Placed);
    await publish(later);
    await insights.received(1);
    expect(insights.ids()).toEqual([later.envelope.id]);
  });

  it('is resumed where the subscription was', async () => {
    const first = await instance('insights', Placed);
    await publish(sent(Placed));
    await first.received(1);
    await new Promise(setImmediate);
    await first.intake.close();
    const missed = sent(Placed);
    await publish(missed);
    const second = await instance('insights', Placed);
    await second.received(1);
    expect(second.ids()).toEqual([missed.envelope.id]);
  });

  it('reaches every instance of a live tail', async () => {
    await publish(sent(Placed));
    const [a, b] = [
      await instance('gateway', Placed, undefined, { live: true }),
      await instance('gateway', Placed, undefined, { live: true }),
    ];
    const later = sent(Placed);
    await publish(later);
    await Promise.all([a.received(1), b.received(1)]);
    expect([a.ids(), b.ids()]).toEqual([[later.envelope.id], [later.envelope.id]]);
  });
});

describe('a broadcast', () => {
  it('reaches every instance that listens now', async () => {
    await publish(sent(Priced));
    const [a, b] = [await instance('gateway', Priced), await instance('gateway', Priced)];
    const now = sent(Priced);
    await publish(now);
    await Promise.all([a.received(1), b.received(1)]);
    expect([a.ids(), b.ids()]).toEqual([[now.envelope.id], [now.envelope.id]]);
  });
});

describe('mischief', () => {
  it('delivers twice, late and out of order, but loses nothing and keeps the order of each key', async () => {
    url = `memory://${randomUUID()}?seed=7&duplicate=0.3&delay=5&reorder`;
    const messages = Array.from({ length: 60 }, (_, n) => sent(Ship, `o-${n % 10}`));
    await publish(...messages);
    const shipping = await instance('shipping', Ship);
    while (new Set(shipping.ids()).size < 60)
      await shipping.received(shipping.deliveries.length + 1);
    for (let key = 0; key < 10; key++) {
      const places = shipping.deliveries
        .filter(({ headers }) => headers.partitionkey === `o-${key}`)
        .map(({ headers }) => idsOf(messages).indexOf(headers.id!));
      expect(places).toEqual([...places].sort((a, b) => a - b));
    }
    expect(shipping.deliveries.length).toBeGreaterThan(60);
    expect(shipping.ids()).not.toEqual(idsOf(messages));
  });
});

describe('a call', () => {
  const asking = (options: Partial<OutgoingCall> = {}): OutgoingCall => ({
    contract: Quote,
    headers: {},
    body: Buffer.from('{}'),
    deadline: Deadline.within(5_000),
    ...options,
  });
  const transportOf = (service: string) =>
    memory.openCalls!({ urlOf: () => url }, context(service));
  const givenUp: CallResult = { ok: false, fault: { code: 'cancelled', message: 'gave up' } };
  const hanging: HandleCall = ({ signal }) =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve(givenUp)));

  async function answering(answer: HandleCall) {
    const server = transportOf('catalog').server(new HandlerRegistry('catalog'), answer);
    await listening(server);
    return server;
  }

  it('is answered by the instances in turn', async () => {
    for (const name of ['a', 'b'])
      await answering(async () => ({ ok: true, body: Buffer.from(name) }));
    const caller = transportOf('orders');
    const replies = [
      await caller.call(asking()),
      await caller.call(asking()),
      await caller.call(asking()),
    ].map((answer) => answer.ok && answer.body.toString());
    expect(replies).toEqual(['a', 'b', 'a']);
  });

  it('is answered with the fault', async () => {
    await answering(async () => ({ ok: false, fault: { code: 'unhandled', message: 'm' } }));
    expect(await transportOf('orders').call(asking())).toEqual({
      ok: false,
      fault: { code: 'unhandled', message: 'm' },
    });
  });

  it('ends at its deadline', async () => {
    await answering(hanging);
    await expect(
      transportOf('orders').call(asking({ deadline: Deadline.within(20) })),
    ).rejects.toBeInstanceOf(DeadlineExceededError);
  });

  it('ends when the caller cancels, for the handler too', async () => {
    const begun = gate();
    const server = await answering((incoming) => (begun.open(), hanging(incoming)));
    const abort = new AbortController();
    const asked = transportOf('orders').call(asking({ signal: abort.signal }));
    await begun.opened;
    abort.abort(new Error('left'));
    await expect(asked).rejects.toThrow('left');
    await server.stop();
  });

  it('without an instance is refused', async () => {
    const server = await answering(hanging);
    await server.stop();
    await expect(transportOf('orders').call(asking())).rejects.toBeInstanceOf(
      OwnerUnavailableError,
    );
  });

  it('that an instance died over is lost', async () => {
    const begun = gate();
    const server = await answering(() => (begun.open(), new Promise(() => {})));
    const asked = transportOf('orders').call(asking());
    await begun.opened;
    await Promise.all([server.close(), expect(asked).rejects.toBeInstanceOf(ReplyLostError)]);
  });
});

it('an intake says what it does', async () => {
  const { intake } = await instance('shipping', Ship);
  expect(intake.health()).toEqual({ technology: 'memory', kind: 'command', state: 'consuming' });
  expect(await (intake as Consumer & { backlog(): Promise<unknown> }).backlog()).toEqual([
    { subscription: 'shipping', waiting: 0, parked: 0, delayed: 0, dead: 0 },
  ]);
});
