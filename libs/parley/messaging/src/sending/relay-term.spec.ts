import { command, type Contract } from '@parley/contract';
import { z } from 'zod';
import { Counter, idOf, Paid, Print, sent, Till } from './till.fixture';

const Ring = command('till.ring-bell', z.object({ key: z.string() }), { key: 'key' });
/** Another owner's, with the same first letter. */
const Book = command('tax.book-bill', z.object({ key: z.string() }), { key: 'key' });
const Unknown = { name: 'till.unheard-of' } as Contract;

let till: Till;

beforeEach(() => void (till = new Till()));

/** An instance of an older build, which does not know what carries commands. */
const older = () => till.relay('till-1', new Map([[Paid, till.counter.transport]]));

const many = (contract: Contract) =>
  Array.from({ length: 600 }, () => sent(idOf(contract.name.slice(5, 9)), undefined, contract));
const idsOf = (messages: readonly ReturnType<typeof sent>[]) =>
  messages.map(({ envelope: { id } }) => id);

describe('a technology that holds as much as it may', () => {
  it('keeps nothing of another one waiting, however many contracts it carries', async () => {
    const silent = new Counter();
    let answer = () => {};
    silent.arrived = () => new Promise((resolve) => (answer = resolve));
    till.carried.set(Print, silent.transport).set(Ring, silent.transport);
    const { outbox } = till.store;
    const due = outbox.due.bind(outbox);
    let inHand = 0;
    outbox.due = (limit, except) => {
      inHand = Math.max(inHand, except!.ids.length);
      return due(limit, except);
    };
    const [waiting, other] = [[...many(Print), ...many(Ring)], idOf('othe')];
    await till.add(...waiting, sent(other, 'a'));
    till.relay();
    await till.eventually(() => till.counter.published.length === 1, 'the other technology');
    expect(inHand).toBeLessThanOrEqual(501); // of both
    silent.arrived = undefined;
    answer();
    await till.emptied();
    expect(silent.published).toEqual(idsOf(waiting));
    expect(till.counter.published).toEqual([other]);
  });
});

describe('a key at another target', () => {
  it('waits for itself', async () => {
    const [refused, other] = ['refu', 'othe'].map(idOf);
    till.carried.set(Book, till.counter.transport);
    till.counter.refusing = (id) => (id === refused ? new Error('not now') : undefined);
    await till.add(sent(refused!, 'a', Book));
    till.relay();
    await till.clock.advance('5s');
    await till.add(sent(other!, 'a'));
    await till.clock.advance('1ms');
    expect(till.counter.published).toEqual([other]);
  });
});

describe('messages that no instance can address', () => {
  const reasons = [
    'till.print-bill: till.print-bill: nothing carries commands; set COMMANDS_URL',
    'till.unheard-of: no instance that relays knows the contract till.unheard-of; replay it when a build that does is running',
  ];
  it('are dead letters after a while, also where nothing is carried at all', async () => {
    const ids = ['prin', 'unkn'].map(idOf);
    await till.add(sent(ids[0]!, 'a', Print), sent(ids[1]!, undefined, Unknown));
    till.relay('till-1', new Map());
    await till.clock.advance('30s');
    expect(await till.letters()).toMatchObject([
      { headers: { id: ids[0] }, holds: true },
      { headers: { id: ids[1] }, holds: false },
    ]);
    expect(await till.store.outbox.state()).toMatchObject({ waiting: 0 });
  });

  it('have the same while when the relay has run for long', async () => {
    older();
    await till.clock.advance('1m');
    await till.add(sent(idOf('prin'), 'a', Print));
    await till.clock.advance('19s');
    expect(await till.letters()).toEqual([]);
    await till.clock.advance('5s');
    expect(await till.letters()).toHaveLength(1);
  });

  it('are dead letters again when they are replayed, and no build knows them yet', async () => {
    await till.add(sent(idOf('prin'), 'a', Print), sent(idOf('unkn'), 'b', Unknown));
    older();
    await till.clock.advance('25s');
    for (const { id } of await till.letters()) await till.store.lanes.deadLetters.replay(id);
    await till.clock.advance('1s');
    expect(await till.letters()).toMatchObject([
      { failure: { error: 'NoRouteError', tries: 1 }, holds: true },
      { failure: { error: 'UnknownContractError', tries: 1 }, holds: true },
    ]);
    expect(till.counter.published).toEqual([]);
  });

  it('have a while each', async () => {
    await till.add(sent(idOf('prin'), 'a', Print));
    older();
    await till.clock.advance('10s');
    await till.add(sent(idOf('prin'), 'b', Print));
    await till.clock.advance('14s');
    expect(await till.letters()).toHaveLength(1);
    await till.clock.advance('10s');
    expect(await till.letters()).toHaveLength(2);
  });

  it('are dead letters at once when there are too many to keep in mind', async () => {
    await till.add(...many(Print));
    const made = older();
    await till.clock.advance('5s');
    expect(await made.backlog()).toMatchObject([{ dead: 600 }]);
  });

  it('hold up nobody when they have no key', async () => {
    const other = idOf('othe');
    await till.add(sent(idOf('prin'), undefined, Print), sent(other));
    older();
    await till.clock.advance('1s');
    expect(till.counter.published).toEqual([other]);
  });

  it('are told of once for each contract, with the reason', async () => {
    await till.add(
      sent(idOf('prin'), 'a', Print),
      sent(idOf('behi'), 'a'),
      sent(idOf('prin'), 'b', Print),
      sent(idOf('unkn'), 'c', Unknown),
      sent(idOf('unkn'), undefined, Unknown),
    );
    const made = older();
    await till.clock.advance('1s');
    expect(
      till.complaints.filter((complaint) => complaint.includes('waits in the outbox')),
    ).toEqual(
      reasons.map((reason) => reason.replace(': ', ' waits in the outbox, and its lane with it: ')),
    );
    await till.clock.advance('2s'); // it let another instance lead
    expect(made.reasons()).toEqual(reasons);
  });
});

describe('an instance that lets another one lead', () => {
  it('tries nothing that it has in hand until it leads again', async () => {
    const tried: number[] = [];
    till.counter.refusing = () => (tried.push(till.clock.elapsed()), new Error('not now'));
    await till.add(sent(idOf('a'), 'a'), sent(idOf('b'), 'b', Print));
    older();
    await till.clock.advance('1900ms');
    expect(tried).toHaveLength(1);
    await till.clock.advance('1s');
    expect(tried.length).toBeGreaterThan(1);
  });

  it('does so when the technology has answered, so that nothing is published by both', async () => {
    const ids = ['a', 'b'].map(idOf);
    till.counter.arrived = () => new Promise((resolve) => till.clock.after(5_000, resolve));
    await till.add(sent(ids[0]!, 'a'), sent(ids[1]!, 'b', Print));
    older();
    till.relay('till-2');
    await till.clock.advance('4s');
    expect(till.counter.published).toEqual([]);
    await till.emptied();
    expect(till.counter.published).toEqual(ids);
  });
});
