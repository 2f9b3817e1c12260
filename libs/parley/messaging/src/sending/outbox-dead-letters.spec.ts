import { AlreadyHandledError, LeaseLostError } from '../message/failure';
import type { Delivery, Outcome } from '../ports/delivery';
import { UnpublishableError } from '../ports/publish-errors';
import { idOf, sent, Till } from './till.fixture';

let till: Till;
let isBroken: boolean;
let bad: string;

/** The technology never takes the message `bad`, until it is broken no more. */
beforeEach(() => {
  [till, isBroken, bad] = [new Till(), true, idOf('bad0')];
  till.counter.refusing = (id) =>
    id === bad && isBroken ? new UnpublishableError('it is too large') : undefined;
});

const theLetter = async () => (await till.letters())[0]!.id;

/** The technology takes it now. */
async function replay(): Promise<void> {
  isBroken = false;
  await till.store.lanes.deadLetters.replay(await theLetter());
}

describe('dead letters of the outbox', () => {
  it('are told of where the relay runs; an instance that stands by tells of none, and stops', async () => {
    await till.add(sent(bad, 'a'));
    const leads = till.relay();
    await till.emptied();
    const standsBy = till.relay('till-2');
    expect(await leads.backlog()).toMatchObject([{ subscription: 'till.outbox', dead: 1 }]);
    expect(await standsBy.backlog()).toEqual([]);
    await till.stopped(standsBy);
  });

  it('let what comes after a discarded one leave the outbox when it is published, not before', async () => {
    const after = idOf('afte');
    await till.add(sent(bad, 'a'));
    till.relay();
    await till.emptied();
    await till.store.lanes.deadLetters.discard(await theLetter(), { who: 'ann', reason: 'no' });
    let inOutbox: number | undefined;
    till.counter.arrived = async () =>
      void (inOutbox ??= (await till.store.outbox.state()).waiting);
    await till.add(sent(after, 'a'));
    await till.emptied();
    expect([inOutbox, till.counter.published]).toEqual([1, [after]]);
  });

  it('keep what comes after them from the technology, which is not asked to publish nothing', async () => {
    await till.add(sent(bad, 'a'));
    till.relay();
    await till.emptied();
    let asked = 0;
    till.counter.arrived = async () => void asked++;
    await till.add(sent(idOf('behi'), 'a'));
    await till.emptied();
    expect(asked).toBe(0);
  });

  it('hold their lane where another instance relays next', async () => {
    await till.add(sent(bad, 'a'));
    const former = till.relay();
    await till.emptied();
    await till.stopped(former);
    const [behind, other] = ['behi', 'othe'].map(idOf);
    await till.add(sent(behind!, 'a'), sent(other!, 'b'));
    till.relay('till-2');
    await till.emptied();
    expect(till.counter.published).toEqual([other]);
    await replay();
    await till.eventually(() => till.counter.published.length === 3, 'the lane to go on');
    expect(till.counter.published).toEqual([other, bad, behind]);
  });

  it('are published no more by an instance that has stopped, however often it led', async () => {
    const leads = till.leads();
    await till.add(sent(bad, 'a'));
    const relay = till.relay();
    await till.clock.advance('2s');
    leads[0]!.abort();
    await till.clock.advance('5s');
    expect(leads).toHaveLength(2);
    await till.stopped(relay);
    await replay();
    await till.clock.advance('10s');
    expect(till.counter.published).toEqual([]);
  });
});

describe('a replayed message', () => {
  let outcomes: Outcome[];
  let failures: Error[];

  /** Its acknowledgement becomes what `change` makes of it. */
  function acknowledging(
    change: (
      usual: Delivery['acknowledgeInTransaction'],
      turn: number,
    ) => Delivery['acknowledgeInTransaction'],
  ): void {
    const { lanes } = till.store;
    const deliverParked = lanes.deliver.bind(lanes);
    lanes.deliver = (subscriptions, deliver) =>
      deliverParked(subscriptions, async (delivery) => {
        const acknowledgeInTransaction = change(delivery.acknowledgeInTransaction, outcomes.length);
        const outcome = await deliver({ ...delivery, acknowledgeInTransaction }).catch(
          (error: Error): Outcome => (failures.push(error), { kind: 'return' }),
        );
        outcomes.push(outcome);
        return outcome;
      });
  }

  async function replayed(): Promise<void> {
    await till.add(sent(bad, 'a'));
    till.relay();
    await till.emptied();
    await replay();
    await till.eventually(() => outcomes.at(-1)?.kind === 'done', 'the message to be published');
  }

  beforeEach(() => void ([outcomes, failures] = [[], []]));

  it('is acknowledged by a transaction after it was published', async () => {
    let acknowledged: number | undefined;
    acknowledging((usual) => async (tx) => {
      acknowledged = till.counter.published.length;
      await usual!(tx);
    });
    await replayed();
    expect([acknowledged, outcomes]).toEqual([1, [{ kind: 'done', settled: true }]]);
  });

  it('is acknowledged by its outcome where no transaction can', async () => {
    acknowledging(() => undefined);
    await replayed();
    expect(outcomes).toEqual([{ kind: 'done', settled: false }]);
    expect(till.counter.published).toEqual([bad]);
  });

  it('goes back when its lease is lost, and is published again', async () => {
    acknowledging((usual, turn) =>
      turn === 0 ? () => Promise.reject(new LeaseLostError('too late')) : usual,
    );
    await replayed();
    expect(outcomes).toEqual([{ kind: 'return' }, { kind: 'done', settled: true }]);
    expect(failures).toEqual([]);
    expect(till.counter.published).toEqual([bad, bad]);
  });

  it('is tried more and more rarely while it is refused for now', async () => {
    const tried: number[] = [];
    await till.add(sent(bad, 'a'));
    till.relay();
    await till.clock.advance('1s');
    till.counter.refusing = () => (tried.push(till.clock.elapsed()), new Error('not now'));
    await replay();
    await till.clock.advance('1s');
    expect(tried.slice(1).map((at, n) => at - tried[n]!)).toEqual([100, 200, 400]);
  });

  it('that is dead in the end remembers all of its tries, and the first failure', async () => {
    await till.add(sent(bad, 'a'));
    till.relay();
    await till.clock.advance('1s');
    const refusals = [new Error('not now'), new Error('not yet'), new UnpublishableError('never')];
    till.counter.refusing = () => refusals.shift();
    const replayed = till.clock.now();
    await replay();
    await till.clock.advance('1s');
    const at = (ms: number) => new Date(replayed + ms).toISOString();
    expect(await till.letters()).toMatchObject([
      { failure: { tries: 3, firstFailedAt: at(0), lastFailedAt: at(300) } },
    ]);
  });

  it('fails when its acknowledgement does, and is published again', async () => {
    acknowledging((usual, turn) =>
      turn === 0 ? () => Promise.reject(new Error('the database is away')) : usual,
    );
    await replayed();
    expect(failures).toEqual([new Error('the database is away')]);
    expect(till.counter.published).toEqual([bad, bad]);
  });

  it('is done when it was acknowledged before', async () => {
    acknowledging(() => () => Promise.reject(new AlreadyHandledError('seen')));
    await replayed();
    expect(outcomes).toEqual([{ kind: 'done', settled: false }]);
  });
});
