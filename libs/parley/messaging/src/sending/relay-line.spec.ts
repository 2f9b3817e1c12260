import { Counter, idOf, Paid, Print, sent, Till } from './till.fixture';

/** Messages that one technology may be in arrears with. */
const CAPACITY = 500;

let till: Till;

beforeEach(() => void (till = new Till()));

const many = (count: number, contract = Paid) =>
  Array.from({ length: count }, (_, n) => sent(idOf(`${n}-`), `k${n}`, contract));

/** Removals fail while it is away. Resolves with the times of all tries. */
function removals(isAway: () => boolean): number[] {
  const tried: number[] = [];
  const { outbox } = till.store;
  const remove = outbox.remove.bind(outbox);
  outbox.remove = async (ids, tx) => {
    tried.push(till.clock.elapsed());
    if (isAway()) throw new Error('the database is away');
    await remove(ids, tx);
  };
  return tried;
}

const waits = (times: readonly number[]) => times.slice(1).map((at, n) => at - times[n]!);

describe('the messages of one technology', () => {
  it('are taken in hand up to a bound, while all of them are refused for now', async () => {
    const tried = new Set<string>();
    let isDown = true;
    till.counter.refusing = (id) => (tried.add(id), isDown ? new Error('not now') : undefined);
    await till.add(...many(CAPACITY + 100));
    till.relay();
    await till.clock.advance('10s');
    expect(tried.size).toBe(CAPACITY);
    isDown = false;
    await till.emptied();
    expect(till.counter.published).toHaveLength(CAPACITY + 100);
  });

  it('are published up to that bound, while none can be removed from the outbox', async () => {
    let isAway = true;
    removals(() => isAway);
    const { outbox } = till.store;
    const due = outbox.due.bind(outbox);
    let read = 0;
    outbox.due = async (limit, except) => {
      const rows = await due(limit, except);
      read += rows.length;
      return rows;
    };
    await till.add(...many(CAPACITY + 100));
    till.relay();
    await till.clock.advance('10s');
    expect([read, till.counter.published.length]).toEqual([CAPACITY, CAPACITY]);
    isAway = false;
    await till.emptied();
    expect(new Set(till.counter.published).size).toBe(CAPACITY + 100);
    expect(till.counter.published).toHaveLength(CAPACITY + 100);
  });

  it('are published once and in order, although more of a lane come while one is on its way', async () => {
    const ids = ['a1', 'a2', 'b1'].map(idOf);
    till.counter.arrived = () => new Promise((resolve) => till.clock.after(500, resolve));
    await till.add(sent(ids[0]!, 'a'));
    till.relay();
    await till.clock.advance('100ms');
    await till.add(sent(ids[1]!, 'a'), sent(ids[2]!, 'b'));
    await till.emptied();
    expect(till.counter.published).toEqual(ids);
  });

  it('are removed again more and more rarely, and as soon as at first after it succeeded', async () => {
    let isAway = true;
    const tried = removals(() => isAway);
    await till.add(sent(idOf('a'), 'a'));
    till.relay();
    await till.clock.advance('1s');
    expect(waits(tried)).toEqual([100, 200, 400]);
    isAway = false;
    await till.emptied();
    tried.length = 0;
    isAway = true;
    await till.add(sent(idOf('b'), 'b'));
    await till.clock.advance('350ms');
    expect(waits(tried)).toEqual([100, 200]);
  });

  it('wait no longer, and for no other reason, because others of their lane wait behind them', async () => {
    const tried: number[] = [];
    till.counter.refusing = () => (tried.push(till.clock.elapsed()), new Error('not now'));
    await till.add(...['a1', 'a2', 'a3'].map((name) => sent(idOf(name), 'a')));
    const relay = till.relay();
    await till.clock.advance('1s');
    expect(waits(tried)).toEqual([100, 200, 400]);
    expect(relay.reasons()).toEqual(['till.bill-paid: not now']);
  });

  it('wait for themselves only: one that was refused once is not as late as one refused often', async () => {
    const [often, once] = ['ofte', 'once'].map(idOf);
    const tried: number[] = [];
    till.counter.refusing = (id) => {
      if (id === once) tried.push(till.clock.elapsed());
      return id === often || tried.length < 2 ? new Error('not now') : undefined;
    };
    await till.add(sent(often!, 'a'));
    till.relay();
    await till.clock.advance('20s');
    await till.add(sent(once!, 'b'));
    await till.clock.advance('1s');
    expect([waits(tried), till.counter.published]).toEqual([[100], [once]]);
  });

  it('wait alone when they have no key', async () => {
    const [refused, other] = ['refu', 'othe'].map(idOf);
    till.counter.refusing = (id) => (id === refused ? new Error('not now') : undefined);
    await till.add(sent(refused!));
    till.relay();
    await till.clock.advance('5s');
    await till.add(sent(other!));
    await till.clock.advance('1ms');
    expect(till.counter.published).toEqual([other]);
  });

  it('wait with the reason that the technology gave, whatever it threw, and others with theirs', async () => {
    const other = new Counter();
    till.carried.set(Print, other.transport);
    till.counter.refusing = (id) =>
      id.startsWith('a') ? (`no room for ${id[0]}` as unknown as Error) : undefined;
    other.refusing = () => new Error('away');
    await till.add(sent(idOf('a'), 'a'), sent(idOf('b'), 'a'), sent(idOf('c'), 'c', Print));
    const relay = till.relay();
    await till.clock.advance('50ms');
    expect(relay.reasons()).toEqual(['till.bill-paid: no room for a', 'till.print-bill: away']);
    expect(till.counter.published).toEqual([]);
  });
});
