import { randomUUID } from 'node:crypto';
import { command, event, type Contract } from '@parley/contract';
import { MemoryStore } from '@parley/memory';
import { VirtualClock } from '@parley/testing';
import { eventually } from '@parley/conformance';
import { z } from 'zod';
import { PayloadProcessor } from '../payload/payload-processor';
import { systemClock, type Clock } from '../clock';
import { DeadLetterService } from '../dead-letters/dead-letter-service';
import type { OutgoingMessage } from '../message/message';
import { Publisher } from './publisher';
import { sendInOrder } from '../transport/publish-in-order';
import { UnpublishableError } from '../ports/publish-errors';
import { OutboxRelay } from './outbox-relay';
import type { Transport } from '../ports/transport';

const Key = z.object({ key: z.string(), note: z.string().optional() });
const Paid = event('till.bill-paid', Key, { key: 'key' });
const Print = command('till.print-bill', Key, { key: 'key' });

/** A technology that refuses some messages and records all of them. */
class Counter {
  readonly published: string[] = [];
  refusing?: (id: string) => Error | undefined;
  /** Called when messages are published, before they are accepted. */
  arrived?: (messages: readonly OutgoingMessage[]) => Promise<void>;

  readonly transport = {
    technology: 'counter',
    delays: true,
    publish: (messages: readonly OutgoingMessage[]) => this.publish(messages),
  } as unknown as Transport;

  private async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    await this.arrived?.(messages);
    await sendInOrder(messages, async ({ envelope: { id } }) => {
      const refusal = this.refusing?.(id);
      if (refusal) throw refusal;
      this.published.push(id);
    });
  }
}

let store: MemoryStore;
let counter: Counter;
let carried: Map<Contract, Transport>;
let complaints: string[];
let relayed: number;
const relays: OutboxRelay[] = [];

beforeEach(() => {
  store = new MemoryStore();
  counter = new Counter();
  carried = new Map<Contract, Transport>([
    [Paid, counter.transport],
    [Print, counter.transport],
  ]);
  complaints = [];
  relayed = 0;
});
afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.stop(1_000)));
});

function relay(instance = 'till-1', routes = carried, clock: Clock = systemClock): OutboxRelay {
  const publisher = new Publisher(
    { of: (contract) => routes.get(contract), all: () => [] },
    store,
    new PayloadProcessor(undefined, undefined),
  );
  const made = new OutboxRelay(store, publisher, {
    service: 'till',
    instance,
    clock,
    log: (level, message) => void (level === 'debug' || complaints.push(message)),
    observer: { relayed: (messages) => void (relayed += messages) },
  });
  relays.push(made);
  made.start();
  return made;
}

/** Ids differ in their first characters. */
const idOf = (name: string) => `${name}${randomUUID().slice(name.length)}`;
const sent = (id: string, key?: string, contract: Contract = Paid): OutgoingMessage =>
  ({
    contract,
    body: Buffer.from(JSON.stringify({ key })),
    envelope: { specversion: '1.0', id, type: contract.name, source: '/till', partitionkey: key },
  }) as unknown as OutgoingMessage;
const add = (...messages: readonly OutgoingMessage[]) =>
  store.transaction((tx) => store.outbox.add(tx, messages));
const emptied = () =>
  eventually(async () => (await store.outbox.state()).waiting === 0, 'the outbox to be empty');
const letters = () => store.lanes.deadLetters.list();

describe('the relay', () => {
  it('counts what it published, and has no reason to name when all is well', async () => {
    await add(...['a', 'b', 'c'].map((name) => sent(idOf(name), name)));
    const made = relay();
    await eventually(() => relayed === 3, 'three to be counted');
    expect([made.reasons(), complaints]).toEqual([[], []]);
  });

  it('removes a message from the outbox after it was published, not before', async () => {
    let inOutbox: number | undefined;
    counter.arrived = async () => void (inOutbox ??= (await store.outbox.state()).waiting);
    await add(sent(idOf('a')));
    relay();
    await emptied();
    expect(inOutbox).toBe(1);
  });

  it('publishes what was taken once, while another message of the batch is tried again', async () => {
    const [bad, ...good] = ['bad0', 'aaaa', 'bbbb', 'cccc', 'dddd', 'eeee'].map(idOf);
    let refusals = 0;
    counter.refusing = (id) => (id === bad && refusals++ < 4 ? new Error('not now') : undefined);
    await add(sent(bad!, 'x'), ...good.map((id, n) => sent(id, `k${n}`)));
    relay();
    await emptied();
    expect([...counter.published].sort()).toEqual([...good, bad!].sort());
    expect(counter.published.at(-1)).toBe(bad);
    expect(refusals).toBe(5);
    expect(await letters()).toEqual([]);
  });

  it('keeps the order of a lane when one of it is tried again', async () => {
    const ids = ['a1', 'a2', 'a3'].map(idOf);
    let refusals = 0;
    counter.refusing = (id) => (id === ids[0] && refusals++ < 2 ? new Error('not now') : undefined);
    await add(sent(ids[0]!, 'a'), sent(ids[1]!, 'a'));
    relay();
    await eventually(() => refusals > 0, 'the first refusal');
    await add(sent(ids[2]!, 'a'));
    await emptied();
    expect(counter.published).toEqual(ids);
  });

  it('makes a dead letter of what can never be published; its lane waits behind it, others flow', async () => {
    const [bad, behind, other, late] = ['bad0', 'behi', 'othe', 'late'].map(idOf);
    let isBroken = true;
    counter.refusing = (id) =>
      id === bad && isBroken ? new UnpublishableError('it is too large') : undefined;
    await add(sent(bad!, 'a'), sent(behind!, 'a'), sent(other!, 'b'));
    relay();
    await emptied();
    expect(counter.published).toEqual([other]);
    expect(await letters()).toMatchObject([
      {
        subscription: 'till.outbox',
        holds: true,
        headers: { id: bad },
        failure: {
          error: 'UnpublishableError',
          message: 'it is too large',
          tries: 1,
          instance: 'till-1',
        },
      },
    ]);
    await add(sent(late!, 'a'));
    await emptied();
    expect(counter.published).toEqual([other]);

    isBroken = false;
    await store.lanes.deadLetters.replay((await letters())[0]!.id);
    await eventually(() => counter.published.length === 4, 'the lane to go on');
    expect(counter.published).toEqual([other, bad, behind, late]);
    const after = idOf('afte');
    await add(sent(after, 'a'));
    await emptied();
    expect(counter.published.at(-1)).toBe(after);
  });

  it('has letters that people see, edit against the contract, and replay', async () => {
    const [bad, behind] = ['bad0', 'behi'].map(idOf);
    counter.arrived = async (messages) =>
      void (bodies = [...bodies, ...messages.map(({ body }) => String(body))]);
    counter.refusing = (id) =>
      id === bad && bodies.at(-1)?.includes('note') !== true
        ? new UnpublishableError('it has no note')
        : undefined;
    let bodies: string[] = [];
    await add(
      { ...sent(bad!, 'a'), envelope: { ...sent(bad!, 'a').envelope, contractversion: '1' } },
      sent(behind!, 'a'),
    );
    relay();
    await emptied();
    const desk = new DeadLetterService(
      store.lanes.deadLetters,
      { subscriptions: () => [] },
      systemClock,
      new PayloadProcessor(undefined, undefined),
      'till',
    );
    const [{ id } = { id: '' }] = await letters();
    expect((await desk.find(id))!.preview).toMatchObject({
      handler: 'the relay',
      expect: 'handled',
      lane: { key: 'a', held: true, waiting: 1 },
    });
    await expect(
      desk.edit(id, Buffer.from('{"key":"a","nota":"x"}'), { who: 'ann' }),
    ).rejects.toThrow('has no nota');
    await expect(desk.edit(id, Buffer.from('{"key":"b"}'), { who: 'ann' })).rejects.toThrow(
      'stays a',
    );
    expect(
      await desk.edit(id, Buffer.from('{"key":"a","note":"x"}'), { who: 'ann', replay: true }),
    ).toBe('done');
    await eventually(() => counter.published.length === 2, 'both');
    expect(counter.published).toEqual([bad, behind]);
    expect(bodies.slice(-2)).toEqual(['{"key":"a","note":"x"}', '{"key":"a"}']);
  });

  it('lets the lane go on when the letter is discarded', async () => {
    const [bad, behind] = ['bad0', 'behi'].map(idOf);
    counter.refusing = (id) => (id === bad ? new UnpublishableError('no') : undefined);
    await add(sent(bad!, 'a'), sent(behind!, 'a'));
    relay();
    await emptied();
    await store.lanes.deadLetters.discard((await letters())[0]!.id, {
      who: 'ann',
      reason: 'never mind',
    });
    await eventually(() => counter.published.length > 0, 'what waited to be published');
    expect(counter.published).toEqual([behind]);
    expect(await letters()).toEqual([]);
  });

  it('makes a replayed message that is refused again a letter again, its lane still waiting', async () => {
    const [bad, behind] = ['bad0', 'behi'].map(idOf);
    counter.refusing = (id) => (id === bad ? new UnpublishableError('no') : undefined);
    await add(sent(bad!, 'a'), sent(behind!, 'a'));
    relay();
    await emptied();
    const [{ id: first } = { id: '' }] = await letters();
    await store.lanes.deadLetters.replay(first);
    const again = await eventually(
      async () => (await letters()).find(({ id }) => id !== first),
      'the letter to be back',
    );
    expect(again).toMatchObject({ holds: true, failure: { tries: 1 } });
    expect(counter.published).toEqual([]);
  });

  it('publishes with one technology while another one does not answer', async () => {
    const silent = new Counter();
    silent.arrived = () => new Promise(() => undefined);
    carried.set(Print, silent.transport);
    const ids = ['aaaa', 'bbbb'].map(idOf);
    await add(sent(idOf('stuck'), 'a', Print), sent(ids[0]!, 'a'));
    relay();
    await eventually(() => counter.published.length === 1, 'the first');
    await add(
      ...Array.from({ length: 600 }, (_, n) => sent(idOf('stuck'), `s${n}`, Print)),
      sent(ids[1]!, 'a'),
    );
    await eventually(() => counter.published.length === 2, 'the second');
    expect(counter.published).toEqual(ids);
    relays.splice(0); // the silent one would keep it from stopping
  });

  it('only removes what was published, when the removal failed', async () => {
    const id = idOf('a');
    const { remove } = store.outbox;
    let failures = 0;
    store.outbox.remove = async (ids, tx) => {
      if (failures++ < 2) throw new Error('the database is away');
      return remove.call(store.outbox, ids, tx);
    };
    await add(sent(id));
    relay();
    await emptied();
    expect(counter.published).toEqual([id]);
  });

  it('lets another instance lead when it cannot address what is at the head, and goes on with the rest meanwhile', async () => {
    const [unknown, behind, other] = ['unkn', 'behi', 'othe'].map(idOf);
    await add(sent(unknown!, 'a', Print), sent(behind!, 'a'), sent(other!, 'b'));
    const old = relay('till-1', new Map([[Paid, counter.transport]]));
    await eventually(() => counter.published.length === 1, 'the other lane to flow');
    expect(counter.published).toEqual([other]);
    expect(await letters()).toEqual([]);
    relay('till-2');
    await emptied();
    expect(counter.published).toEqual([other, unknown, behind]);
    expect(old.reasons()).toEqual([]);
    expect(complaints.join()).toContain('nothing carries commands');
  });

  it('names an outage once, however many messages wait for its end', async () => {
    const clock = new VirtualClock();
    store = new MemoryStore(clock);
    let isDown = true;
    counter.refusing = () => (isDown ? new Error('nobody there') : undefined);
    await add(...['a', 'b', 'c'].map((name) => sent(idOf(name), name)));
    const made = relay('till-1', carried, clock);
    await clock.advance('50ms');
    expect(made.reasons()).toEqual(['till.bill-paid: nobody there']);
    expect(complaints).toEqual(['till.bill-paid: nobody there; published again in 100 ms']);
    isDown = false;
    await clock.advance('1s');
    expect([counter.published.length, made.reasons()]).toEqual([3, []]);
    relays.splice(0); // its clock stands still
  });

  it('tries more and more rarely, and as soon as at first after it succeeded', async () => {
    const clock = new VirtualClock();
    store = new MemoryStore(clock);
    const tried: number[] = [];
    let isDown = true;
    counter.refusing = () => (tried.push(clock.elapsed()), isDown ? new Error('no') : undefined);
    await add(sent(idOf('a'), 'a'));
    relay('till-1', carried, clock);
    await clock.advance('20s');
    const waits = () => tried.slice(1).map((at, n) => at - tried[n]!);
    expect(waits()).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    isDown = false;
    await clock.advance('5s');
    expect(counter.published).toHaveLength(1);
    isDown = true;
    tried.length = 0;
    await add(sent(idOf('b'), 'a'));
    await clock.advance('250ms');
    expect(waits()).toEqual([100]);
    relays.splice(0); // its clock stands still
  });

  it('goes on after its store was away, when it led, read or removed', async () => {
    const clock = new VirtualClock();
    store = new MemoryStore(clock);
    const { lead, due, remove } = store.outbox;
    const away = () => Promise.reject(new Error('the database is away'));
    Object.assign(store.outbox, { lead: away, due: away, remove: away });
    const id = idOf('a');
    await add(sent(id, 'a'));
    relay('till-1', carried, clock);
    await clock.advance('2s');
    expect(complaints).toContain('the outbox cannot be reached');
    Object.assign(store.outbox, { lead });
    await clock.advance('3s');
    expect(complaints.at(-1)).toMatch(
      /could not be relayed, again in \d+ ms: the database is away/,
    );
    expect(counter.published).toEqual([]);
    Object.assign(store.outbox, { due });
    await clock.advance('10s');
    expect(counter.published).toEqual([id]);
    expect(await store.outbox.state()).toMatchObject({ waiting: 1 });
    Object.assign(store.outbox, { remove });
    await clock.advance('10s');
    expect(await store.outbox.state()).toMatchObject({ waiting: 0 });
    expect(counter.published).toEqual([id]);
    relays.splice(0); // its clock stands still
  });

  it('publishes nothing more once it lost the lead', async () => {
    const clock = new VirtualClock();
    store = new MemoryStore(clock);
    const lead = new AbortController();
    const release = jest.fn(async () => undefined);
    let leads = 0;
    store.outbox.lead = async () => (leads++ === 0 ? { lost: lead.signal, release } : undefined);
    let refusals = 0;
    counter.refusing = () => (refusals++ === 0 ? new Error('not now') : undefined);
    await add(sent(idOf('a'), 'a'));
    relay('till-1', carried, clock);
    await clock.advance('50ms');
    lead.abort();
    await add(sent(idOf('b'), 'b'));
    await clock.advance('10s');
    expect([refusals, counter.published]).toEqual([1, []]);
    expect(release).toHaveBeenCalledTimes(1);
    expect(leads).toBeGreaterThan(2); // it stands by
    relays.splice(0); // its clock stands still
  });

  it('publishes what is there before it stops, and nothing afterwards', async () => {
    const ids = ['a', 'b'].map(idOf);
    await add(...ids.map((id, n) => sent(id, `k${n}`)));
    const made = relay();
    await made.stop(5_000);
    expect(counter.published).toEqual(ids);
    await add(sent(idOf('c'), 'c'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(counter.published).toEqual(ids);
  });

  it('stops in its time although a technology does not answer', async () => {
    const clock = new VirtualClock();
    store = new MemoryStore(clock);
    counter.arrived = () => new Promise(() => undefined);
    await add(sent(idOf('a'), 'a'));
    const made = relay('till-1', carried, clock);
    await clock.advance('100ms');
    let isStopped = false;
    void made.stop(2_000).then(() => (isStopped = true));
    await clock.advance('1999ms');
    expect(isStopped).toBe(false);
    await clock.advance('1ms');
    expect(isStopped).toBe(true);
    relays.splice(0);
  });

  it('keeps a message without a key as a dead letter that holds nobody, and tells how many there are', async () => {
    const [bad, other, keyed, behind] = ['bad0', 'othe', 'keye', 'behi'].map(idOf);
    counter.refusing = (id) =>
      id === bad || id === keyed ? new UnpublishableError('no') : undefined;
    await add(sent(bad!), sent(keyed!, 'a'), sent(behind!, 'a'), sent(other!));
    const made = relay();
    await emptied();
    await eventually(() => counter.published.length === 1, 'the other');
    expect(counter.published).toEqual([other]);
    expect((await letters()).map(({ headers, holds }) => [headers.id, holds])).toEqual([
      [bad, false],
      [keyed, true],
    ]);
    expect(await made.backlog()).toMatchObject([
      { subscription: 'till.outbox', dead: 2, parked: 1 },
    ]);
  });

  it('publishes a replayed message again while it is refused for now, its lane behind it', async () => {
    const [bad, behind] = ['bad0', 'behi'].map(idOf);
    const refusals: Error[] = [
      new UnpublishableError('never'),
      new Error('not now'),
      new Error('not yet'),
    ];
    counter.refusing = (id) => (id === bad ? refusals.shift() : undefined);
    await add(sent(bad!, 'a'), sent(behind!, 'a'));
    relay();
    await emptied();
    await store.lanes.deadLetters.replay((await letters())[0]!.id);
    await eventually(() => counter.published.length === 2, 'both');
    expect([refusals, counter.published]).toEqual([[], [bad, behind]]);
    expect(await letters()).toEqual([]);
  });

  it('makes a dead letter of what no instance can address, after a while', async () => {
    const clock = new VirtualClock();
    store = new MemoryStore(clock);
    const [unknown, behind] = ['unkn', 'behi'].map(idOf);
    await add(sent(unknown!, 'a', Print), sent(behind!, 'a'));
    relay('till-1', new Map([[Paid, counter.transport]]), clock);
    await clock.advance('15s');
    expect(await letters()).toEqual([]);
    await clock.advance('15s');
    expect(await letters()).toMatchObject([
      { headers: { id: unknown }, failure: { error: 'NoRouteError' }, holds: true },
    ]);
    expect(await store.outbox.state()).toMatchObject({ waiting: 0 });
    expect(counter.published).toEqual([]);
    relays.splice(0); // its clock stands still
  });
});

const HOUR_MS = 3_600_000;

describe.each([
  ['back', -HOUR_MS],
  ['forth', HOUR_MS],
])('the relay, when the time of day is set %s', (_, by) => {
  let clock: VirtualClock;
  const yielded = () =>
    complaints.filter((reported) => reported.includes('another instance may lead'));

  beforeEach(() => {
    clock = new VirtualClock();
    store = new MemoryStore(clock);
  });
  afterEach(() => void relays.splice(0)); // their clock stands still

  it('publishes again what was refused, after its wait', async () => {
    const [refused, other] = ['refu', 'othe'].map(idOf);
    let refusals = 0;
    counter.refusing = (id) => (id === refused && refusals++ < 9 ? new Error('no') : undefined);
    await add(sent(refused!, 'a'));
    relay('till-1', carried, clock);
    await clock.advance('50ms');
    clock.jump(by);
    await add(sent(other!, 'b'));
    await clock.advance('49ms');
    expect([refusals, counter.published]).toEqual([1, [other]]);
    await clock.advance('1ms');
    expect(refusals).toBe(2);
  });

  it('makes a dead letter of what no instance can address after its while', async () => {
    await add(sent(idOf('unkn'), 'a', Print));
    relay('till-1', new Map([[Paid, counter.transport]]), clock);
    await clock.advance('5s');
    clock.jump(by);
    await clock.advance('13s');
    expect(await letters()).toEqual([]);
    await clock.advance('5s');
    expect(await letters()).toHaveLength(1);
  });

  it('lets another instance lead again after a minute', async () => {
    await add(sent(idOf('unkn'), 'a', Print));
    relay('till-1', new Map([[Paid, counter.transport]]), clock);
    await clock.advance('10s');
    expect(yielded()).toHaveLength(1);
    clock.jump(by);
    await clock.advance('30s'); // that one is a dead letter by now
    await add(sent(idOf('unkn'), 'b', Print));
    await clock.advance('10s');
    expect(yielded()).toHaveLength(1);
    await clock.advance('30s');
    await add(sent(idOf('unkn'), 'c', Print));
    await clock.advance('5s');
    expect(yielded()).toHaveLength(2);
  });
});
