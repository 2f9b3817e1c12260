import { PayloadProcessor } from '../payload/payload-processor';
import { DeadLetterService } from '../dead-letters/dead-letter-service';
import { UnpublishableError } from '../ports/publish-errors';
import { Counter, idOf, Paid, Print, sent, Till } from './till.fixture';

let till: Till;

beforeEach(() => void (till = new Till()));

describe('the relay', () => {
  it('counts what it published, and has no reason to name when all is well', async () => {
    await till.add(...['a', 'b', 'c'].map((name) => sent(idOf(name), name)));
    const made = till.relay();
    await till.eventually(() => till.relayed === 3, 'three to be counted');
    expect([made.reasons(), till.complaints]).toEqual([[], []]);
  });

  it.each([[undefined], [{}]])('publishes although nobody counts: %j', async (observer) => {
    till.observer = observer;
    const id = idOf('a');
    await till.add(sent(id, 'a'));
    till.relay();
    await till.emptied();
    expect([till.counter.published, till.complaints]).toEqual([[id], []]);
  });

  it('removes a message from the outbox after it was published, not before', async () => {
    let inOutbox: number | undefined;
    till.counter.arrived = async () =>
      void (inOutbox ??= (await till.store.outbox.state()).waiting);
    await till.add(sent(idOf('a')));
    till.relay();
    await till.emptied();
    expect(inOutbox).toBe(1);
  });

  it('publishes what was taken once, while another message of the batch is tried again', async () => {
    const [bad, ...good] = ['bad0', 'aaaa', 'bbbb', 'cccc', 'dddd', 'eeee'].map(idOf);
    let refusals = 0;
    till.counter.refusing = (id) =>
      id === bad && refusals++ < 4 ? new Error('not now') : undefined;
    await till.add(sent(bad!, 'x'), ...good.map((id, n) => sent(id, `k${n}`)));
    till.relay();
    await till.emptied();
    expect([...till.counter.published].sort()).toEqual([...good, bad!].sort());
    expect(till.counter.published.at(-1)).toBe(bad);
    expect(refusals).toBe(5);
    expect(await till.letters()).toEqual([]);
  });

  it('keeps the order of a lane when one of it is tried again', async () => {
    const ids = ['a1', 'a2', 'a3'].map(idOf);
    let refusals = 0;
    till.counter.refusing = (id) =>
      id === ids[0] && refusals++ < 2 ? new Error('not now') : undefined;
    await till.add(sent(ids[0]!, 'a'), sent(ids[1]!, 'a'));
    till.relay();
    await till.eventually(() => refusals > 0, 'the first refusal');
    await till.add(sent(ids[2]!, 'a'));
    await till.emptied();
    expect(till.counter.published).toEqual(ids);
  });

  it('makes a dead letter of what can never be published; its lane waits behind it, others flow', async () => {
    const [bad, behind, other, late] = ['bad0', 'behi', 'othe', 'late'].map(idOf);
    let isBroken = true;
    till.counter.refusing = (id) =>
      id === bad && isBroken ? new UnpublishableError('it is too large') : undefined;
    await till.add(sent(bad!, 'a'), sent(behind!, 'a'), sent(other!, 'b'));
    till.relay();
    await till.emptied();
    expect(till.counter.published).toEqual([other]);
    expect(await till.letters()).toMatchObject([
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
    await till.add(sent(late!, 'a'));
    await till.emptied();
    expect(till.counter.published).toEqual([other]);

    isBroken = false;
    await till.store.lanes.deadLetters.replay((await till.letters())[0]!.id);
    await till.eventually(() => till.counter.published.length === 4, 'the lane to go on');
    expect(till.counter.published).toEqual([other, bad, behind, late]);
    const after = idOf('afte');
    await till.add(sent(after, 'a'));
    await till.emptied();
    expect(till.counter.published.at(-1)).toBe(after);
  });

  it('has letters that people see, edit against the contract, and replay', async () => {
    const [bad, behind] = ['bad0', 'behi'].map(idOf);
    till.counter.arrived = async (messages) =>
      void (bodies = [...bodies, ...messages.map(({ body }) => String(body))]);
    till.counter.refusing = (id) =>
      id === bad && bodies.at(-1)?.includes('note') !== true
        ? new UnpublishableError('it has no note')
        : undefined;
    let bodies: string[] = [];
    await till.add(
      { ...sent(bad!, 'a'), envelope: { ...sent(bad!, 'a').envelope, contractversion: '1' } },
      sent(behind!, 'a'),
    );
    till.relay();
    await till.emptied();
    const desk = new DeadLetterService(
      till.store.lanes.deadLetters,
      { subscriptions: () => [] },
      till.clock,
      new PayloadProcessor(undefined, undefined),
      'till',
    );
    const [{ id } = { id: '' }] = await till.letters();
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
    await till.eventually(() => till.counter.published.length === 2, 'both');
    expect(till.counter.published).toEqual([bad, behind]);
    expect(bodies.slice(-2)).toEqual(['{"key":"a","note":"x"}', '{"key":"a"}']);
  });

  it('lets the lane go on when the letter is discarded', async () => {
    const [bad, behind] = ['bad0', 'behi'].map(idOf);
    till.counter.refusing = (id) => (id === bad ? new UnpublishableError('no') : undefined);
    await till.add(sent(bad!, 'a'), sent(behind!, 'a'));
    till.relay();
    await till.emptied();
    await till.store.lanes.deadLetters.discard((await till.letters())[0]!.id, {
      who: 'ann',
      reason: 'never mind',
    });
    await till.eventually(() => till.counter.published.length > 0, 'what waited to be published');
    expect(till.counter.published).toEqual([behind]);
    expect(await till.letters()).toEqual([]);
  });

  it('makes a replayed message that is refused again a letter again, its lane still waiting', async () => {
    const [bad, behind] = ['bad0', 'behi'].map(idOf);
    till.counter.refusing = (id) => (id === bad ? new UnpublishableError('no') : undefined);
    await till.add(sent(bad!, 'a'), sent(behind!, 'a'));
    till.relay();
    await till.emptied();
    const [{ id: first } = { id: '' }] = await till.letters();
    await till.store.lanes.deadLetters.replay(first);
    const again = await till.eventually(
      async () => (await till.letters()).find(({ id }) => id !== first),
      'the letter to be back',
    );
    expect(again).toMatchObject({ holds: true, failure: { tries: 1 } });
    expect(till.counter.published).toEqual([]);
  });

  it('publishes with one technology while another one does not answer', async () => {
    const silent = new Counter();
    silent.arrived = () => new Promise(() => undefined);
    till.carried.set(Print, silent.transport);
    const ids = ['aaaa', 'bbbb'].map(idOf);
    await till.add(sent(idOf('stuck'), 'a', Print), sent(ids[0]!, 'a'));
    till.relay();
    await till.eventually(() => till.counter.published.length === 1, 'the first');
    await till.add(
      ...Array.from({ length: 600 }, (_, n) => sent(idOf('stuck'), `s${n}`, Print)),
      sent(ids[1]!, 'a'),
    );
    await till.eventually(() => till.counter.published.length === 2, 'the second');
    expect(till.counter.published).toEqual(ids);
  });

  it('only removes what was published, when the removal failed', async () => {
    const id = idOf('a');
    const { remove } = till.store.outbox;
    let failures = 0;
    till.store.outbox.remove = async (ids, tx) => {
      if (failures++ < 2) throw new Error('the database is away');
      return remove.call(till.store.outbox, ids, tx);
    };
    await till.add(sent(id));
    till.relay();
    await till.emptied();
    expect(till.counter.published).toEqual([id]);
  });

  it('lets another instance lead when it cannot address what is at the head, and goes on with the rest meanwhile', async () => {
    const [unknown, behind, other] = ['unkn', 'behi', 'othe'].map(idOf);
    await till.add(sent(unknown!, 'a', Print), sent(behind!, 'a'), sent(other!, 'b'));
    const old = till.relay('till-1', new Map([[Paid, till.counter.transport]]));
    await till.eventually(() => till.counter.published.length === 1, 'the other lane to flow');
    expect(till.counter.published).toEqual([other]);
    expect(await till.letters()).toEqual([]);
    till.relay('till-2');
    await till.emptied();
    expect(till.counter.published).toEqual([other, unknown, behind]);
    expect(old.reasons()).toEqual([]);
    expect(till.complaints.join()).toContain('nothing carries commands');
  });

  it('names an outage once, however many messages wait for its end', async () => {
    let isDown = true;
    till.counter.refusing = () => (isDown ? new Error('nobody there') : undefined);
    await till.add(...['a', 'b', 'c'].map((name) => sent(idOf(name), name)));
    const made = till.relay();
    await till.clock.advance('50ms');
    expect(made.reasons()).toEqual(['till.bill-paid: nobody there']);
    expect(till.complaints).toEqual(['till.bill-paid: nobody there; published again in 100 ms']);
    isDown = false;
    await till.clock.advance('1s');
    expect([till.counter.published.length, made.reasons()]).toEqual([3, []]);
  });

  it('tries more and more rarely, and as soon as at first after it succeeded', async () => {
    const tried: number[] = [];
    let isDown = true;
    till.counter.refusing = () => (
      tried.push(till.clock.elapsed()),
      isDown ? new Error('no') : undefined
    );
    await till.add(sent(idOf('a'), 'a'));
    till.relay();
    await till.clock.advance('20s');
    const waits = () => tried.slice(1).map((at, n) => at - tried[n]!);
    expect(waits()).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    isDown = false;
    await till.clock.advance('5s');
    expect(till.counter.published).toHaveLength(1);
    isDown = true;
    tried.length = 0;
    await till.add(sent(idOf('b'), 'a'));
    await till.clock.advance('250ms');
    expect(waits()).toEqual([100]);
  });

  it('goes on after its store was away, when it led, read or removed', async () => {
    const { lead, due, remove } = till.store.outbox;
    const away = () => Promise.reject(new Error('the database is away'));
    Object.assign(till.store.outbox, { lead: away, due: away, remove: away });
    const id = idOf('a');
    await till.add(sent(id, 'a'));
    till.relay();
    await till.clock.advance('2s');
    expect(till.complaints).toContain('the outbox cannot be reached');
    Object.assign(till.store.outbox, { lead });
    await till.clock.advance('3s');
    expect(till.complaints.at(-1)).toMatch(
      /could not be relayed, again in \d+ ms: the database is away/,
    );
    expect(till.counter.published).toEqual([]);
    Object.assign(till.store.outbox, { due });
    await till.clock.advance('10s');
    expect(till.counter.published).toEqual([id]);
    expect(await till.store.outbox.state()).toMatchObject({ waiting: 1 });
    Object.assign(till.store.outbox, { remove });
    await till.clock.advance('10s');
    expect(await till.store.outbox.state()).toMatchObject({ waiting: 0 });
    expect(till.counter.published).toEqual([id]);
  });

  it('publishes nothing more once it lost the lead', async () => {
    const lead = new AbortController();
    const release = jest.fn(async () => undefined);
    let leads = 0;
    till.store.outbox.lead = async () =>
      leads++ === 0 ? { lost: lead.signal, release } : undefined;
    let refusals = 0;
    till.counter.refusing = () => (refusals++ === 0 ? new Error('not now') : undefined);
    await till.add(sent(idOf('a'), 'a'));
    till.relay();
    await till.clock.advance('50ms');
    lead.abort();
    await till.add(sent(idOf('b'), 'b'));
    await till.clock.advance('10s');
    expect([refusals, till.counter.published]).toEqual([1, []]);
    expect(release).toHaveBeenCalledTimes(1);
    expect(leads).toBeGreaterThan(2); // it stands by
  });

  it('publishes what it had in hand when it leads again', async () => {
    const ids = ['a1', 'a2', 'b1'].map(idOf);
    const leads = till.leads();
    till.counter.arrived = () => new Promise((resolve) => till.clock.after(500, resolve));
    await till.add(sent(ids[0]!, 'a'));
    till.relay();
    await till.clock.advance('100ms');
    await till.add(sent(ids[1]!, 'a'), sent(ids[2]!, 'b'));
    await till.clock.advance('100ms');
    leads[0]!.abort();
    await till.clock.advance('500ms');
    expect(till.counter.published).toEqual(ids.slice(0, 1));
    await till.emptied();
    expect([till.counter.published, leads.length]).toEqual([ids, 2]);
  });

  it('publishes what is there before it stops, and nothing afterwards', async () => {
    const ids = ['a', 'b'].map(idOf);
    await till.add(...ids.map((id, n) => sent(id, `k${n}`)));
    const made = till.relay();
    await till.stopped(made);
    expect(till.counter.published).toEqual(ids);
    await till.add(sent(idOf('c'), 'c'));
    await till.clock.advance('10s');
    expect(till.counter.published).toEqual(ids);
  });

  it('looks again at once when messages come while it looks', async () => {
    const id = idOf('a');
    const { outbox } = till.store;
    const due = outbox.due.bind(outbox);
    let looks = 0;
    outbox.due = async (limit, except) => {
      const rows = await due(limit, except);
      if (looks++ === 0) await till.add(sent(id, 'a'));
      return rows;
    };
    till.relay();
    await till.clock.advance('1ms');
    expect(till.counter.published).toEqual([id]);
  });

  it('publishes all before it stops, however many, although there are some that it cannot address', async () => {
    const ids = Array.from({ length: 1_000 }, (_, n) => idOf(`${n}-`));
    await till.add(
      ...Array.from({ length: 500 }, () => sent(idOf('prin'), undefined, Print)),
      ...ids.map((id, n) => sent(id, `k${n}`)),
    );
    const made = till.relay('till-1', new Map([[Paid, till.counter.transport]]));
    await till.stopped(made);
    expect(till.counter.published).toEqual(ids);
  });

  it('publishes before it stops what waits for the technology to be done with others', async () => {
    const ids = ['a1', 'a2', 'b1'].map(idOf);
    till.counter.arrived = () => new Promise((resolve) => till.clock.after(500, resolve));
    await till.add(sent(ids[0]!, 'a'));
    const made = till.relay();
    await till.clock.advance('100ms');
    await till.add(sent(ids[1]!, 'a'), sent(ids[2]!, 'b'));
    await till.clock.advance('100ms');
    await till.stopped(made);
    expect(till.counter.published).toEqual(ids);
  });

  it('stops at once when nothing is left, whether it leads or stands by', async () => {
    const made = [till.relay(), till.relay('till-2')];
    await till.clock.advance('5500ms');
    let stopped = 0;
    for (const one of made) void one.stop(10_000).then(() => stopped++);
    await till.clock.advance('1ms');
    expect(stopped).toBe(2);
  });

  it('stops in its time although a technology does not answer', async () => {
    till.counter.arrived = () => new Promise(() => undefined);
    await till.add(sent(idOf('a'), 'a'));
    const made = till.relay();
    await till.clock.advance('100ms');
    let isStopped = false;
    void made.stop(2_000).then(() => (isStopped = true));
    await till.clock.advance('1999ms');
    expect(isStopped).toBe(false);
    await till.clock.advance('1ms');
    expect(isStopped).toBe(true);
  });

  it('keeps a message without a key as a dead letter that holds nobody, and tells how many there are', async () => {
    const [bad, other, keyed, behind] = ['bad0', 'othe', 'keye', 'behi'].map(idOf);
    till.counter.refusing = (id) =>
      id === bad || id === keyed ? new UnpublishableError('no') : undefined;
    await till.add(sent(bad!), sent(keyed!, 'a'), sent(behind!, 'a'), sent(other!));
    const made = till.relay();
    await till.emptied();
    await till.eventually(() => till.counter.published.length === 1, 'the other');
    expect(till.counter.published).toEqual([other]);
    expect((await till.letters()).map(({ headers, holds }) => [headers.id, holds])).toEqual([
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
    till.counter.refusing = (id) => (id === bad ? refusals.shift() : undefined);
    await till.add(sent(bad!, 'a'), sent(behind!, 'a'));
    till.relay();
    await till.emptied();
    await till.store.lanes.deadLetters.replay((await till.letters())[0]!.id);
    await till.eventually(() => till.counter.published.length === 2, 'both');
    expect([refusals, till.counter.published]).toEqual([[], [bad, behind]]);
    expect(await till.letters()).toEqual([]);
  });

  it('makes a dead letter of what no instance can address, after a while', async () => {
    const [unknown, behind] = ['unkn', 'behi'].map(idOf);
    await till.add(sent(unknown!, 'a', Print), sent(behind!, 'a'));
    till.relay('till-1', new Map([[Paid, till.counter.transport]]));
    await till.clock.advance('15s');
    expect(await till.letters()).toEqual([]);
    await till.clock.advance('15s');
    expect(await till.letters()).toMatchObject([
      { headers: { id: unknown }, failure: { error: 'NoRouteError' }, holds: true },
    ]);
    expect(await till.store.outbox.state()).toMatchObject({ waiting: 0 });
    expect(till.counter.published).toEqual([]);
  });
});

describe('the relay, when nobody tells it of new messages', () => {
  beforeEach(() => void (till.store.outbox.onAdded = () => undefined));

  it('finds them within a second', async () => {
    const id = idOf('a');
    till.relay();
    await till.clock.advance('5s');
    await till.add(sent(id, 'a'));
    await till.clock.advance('1s');
    expect(till.counter.published).toEqual([id]);
  });

  it('publishes a delayed one when it is due', async () => {
    const id = idOf('late');
    await till.add({ ...sent(id, 'a'), delay: 5_300 });
    till.relay();
    await till.clock.advance('5299ms');
    expect(till.counter.published).toEqual([]);
    await till.clock.advance('1ms');
    expect(till.counter.published).toEqual([id]);
  });

  it('takes over within a second when the one that leads stops', async () => {
    const former = till.relay();
    till.relay('till-2');
    await till.clock.advance('5s');
    await till.stopped(former);
    const id = idOf('a');
    await till.add(sent(id, 'a'));
    await till.clock.advance('1s');
    expect(till.counter.published).toEqual([id]);
  });
});

describe('the relay, when its store is away', () => {
  let isAway: boolean;
  let tried: number[];

  beforeEach(() => {
    [isAway, tried] = [true, []];
    const { outbox } = till.store;
    const due = outbox.due.bind(outbox);
    outbox.due = (limit, except) => {
      tried.push(till.clock.elapsed());
      return isAway ? Promise.reject(new Error('the database is away')) : due(limit, except);
    };
  });

  const waits = () => tried.slice(1).map((at, n) => at - tried[n]!);

  it('asks more and more rarely, and as soon as at first after it was back', async () => {
    till.relay();
    await till.clock.advance('20s');
    expect(waits()).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    isAway = false;
    await till.clock.advance('5s');
    isAway = true;
    tried.length = 0;
    await till.clock.advance('1200ms');
    expect(waits().slice(0, 2)).toEqual([100, 200]);
  });

  it('stops at once', async () => {
    const made = till.relay();
    await till.clock.advance('20s');
    let isStopped = false;
    void made.stop(10_000).then(() => (isStopped = true));
    await till.clock.advance('1ms');
    expect(isStopped).toBe(true);
  });

  it('leads again although it could not give up the lead', async () => {
    isAway = false;
    const { outbox } = till.store;
    const lead = outbox.lead.bind(outbox);
    const lost = [new AbortController(), new AbortController()];
    let leads = 0;
    outbox.lead = async () => {
      const led = await lead();
      const release = () => led!.release().then(() => Promise.reject(new Error('away')));
      return led && { lost: lost[leads++]!.signal, release };
    };
    till.relay();
    await till.clock.advance('1s');
    lost[0]!.abort();
    await till.clock.advance('5s');
    const id = idOf('a');
    await till.add(sent(id, 'a'));
    await till.clock.advance('1s');
    expect([leads, till.counter.published]).toEqual([2, [id]]);
  });
});

const HOUR_MS = 3_600_000;

describe.each([
  ['back', -HOUR_MS],
  ['forth', HOUR_MS],
])('the relay, when the time of day is set %s', (_, by) => {
  const yielded = () =>
    till.complaints.filter((reported) => reported.includes('another instance may lead'));

  it('publishes again what was refused, after its wait', async () => {
    const [refused, other] = ['refu', 'othe'].map(idOf);
    let refusals = 0;
    till.counter.refusing = (id) =>
      id === refused && refusals++ < 9 ? new Error('no') : undefined;
    await till.add(sent(refused!, 'a'));
    till.relay();
    await till.clock.advance('50ms');
    till.clock.jump(by);
    await till.add(sent(other!, 'b'));
    await till.clock.advance('49ms');
    expect([refusals, till.counter.published]).toEqual([1, [other]]);
    await till.clock.advance('1ms');
    expect(refusals).toBe(2);
  });

  it('makes a dead letter of what no instance can address after its while', async () => {
    await till.add(sent(idOf('unkn'), 'a', Print));
    till.relay('till-1', new Map([[Paid, till.counter.transport]]));
    await till.clock.advance('5s');
    till.clock.jump(by);
    await till.clock.advance('13s');
    expect(await till.letters()).toEqual([]);
    await till.clock.advance('5s');
    expect(await till.letters()).toHaveLength(1);
  });

  it('lets another instance lead again after a minute', async () => {
    await till.add(sent(idOf('unkn'), 'a', Print));
    till.relay('till-1', new Map([[Paid, till.counter.transport]]));
    await till.clock.advance('10s');
    expect(yielded()).toHaveLength(1);
    till.clock.jump(by);
    await till.clock.advance('30s'); // that one is a dead letter by now
    await till.add(sent(idOf('unkn'), 'b', Print));
    await till.clock.advance('10s');
    expect(yielded()).toHaveLength(1);
    await till.clock.advance('30s');
    await till.add(sent(idOf('unkn'), 'c', Print));
    await till.clock.advance('5s');
    expect(yielded()).toHaveLength(2);
  });
});
