import type { Store } from '@parley/messaging';
import { SUBSCRIPTION, failure, idsOf, message } from './store-messages';
import type { StoreTrial } from './store-trial';

/** The parts of a dead letter that are stored, and the lane that it holds. */
export function keptDeadLetters(trial: StoreTrial): void {
  it('keep the message with its evidence', async () => {
    const dead = message({ key: undefined, body: Buffer.from([0, 1, 255]) });
    await trial.store.lanes.deadLetter(undefined, dead, failure, false);
    await trial.store.lanes.deadLetter(undefined, dead, failure, false);
    expect(await trial.store.lanes.deadLetters.count()).toBe(1);
    const [letter] = await trial.store.lanes.deadLetters.list();
    expect(letter).toMatchObject({
      subscription: SUBSCRIPTION,
      headers: dead.headers,
      failure,
    });
    expect(Buffer.from(letter!.body)).toEqual(dead.body);
    expect(letter!.attempts).toBeGreaterThanOrEqual(1);
    expect(letter!.died).toBeInstanceOf(Date);
  });

  it('keep a message once, also when copies of it die, or are parked, at the same moment', async () => {
    const [dead, parked, last] = [
      message({ key: undefined }),
      message({ key: undefined }),
      message({ key: undefined }),
    ];
    const stores = [trial.store, await trial.another()];
    const atOnce = (keep: (one: Store) => Promise<void>) =>
      Promise.all(stores.flatMap((one) => Array.from({ length: 10 }, () => keep(one))));
    await atOnce(({ lanes }) => lanes.deadLetter(undefined, dead, failure, false));
    expect(await trial.store.lanes.deadLetters.list()).toHaveLength(1);
    await atOnce(({ lanes }) => lanes.park(undefined, parked, { after: 0, failure }));
    await trial.store.lanes.park(undefined, last, { after: 0, failure });
    const deliveries = trial.runLanes(() => ({ kind: 'dead', failure, hold: false }));
    await deliveries.received(2);
    expect(deliveries.ids().sort()).toEqual(idsOf([parked, last]).sort());
  });

  it('are listed by subscription, so many as are asked for', async () => {
    for (let n = 0; n < 3; n++)
      await trial.store.lanes.deadLetter(undefined, message(), failure, false);
    expect(await trial.store.lanes.deadLetters.list({ subscription: 'insights.sales' })).toEqual(
      [],
    );
    expect(
      await trial.store.lanes.deadLetters.list({ subscription: SUBSCRIPTION, limit: 2 }),
    ).toHaveLength(2);
  });

  it('do not hold their lane unless told to', async () => {
    await trial.store.lanes.deadLetter(undefined, message(), failure, false);
    expect(await trial.store.lanes.parkIfLaneBlocked(undefined, message())).toBe(false);
  });

  it('hold their lane when told to, until they are replayed; then it goes on in order', async () => {
    const messages = [message(), message(), message()];
    await trial.store.lanes.deadLetter(undefined, messages[0]!, failure, true);
    expect(await trial.store.lanes.parkIfLaneBlocked(undefined, messages[1]!)).toBe(true);
    expect(await trial.store.lanes.parkIfLaneBlocked(undefined, messages[2]!)).toBe(true);
    const marker = message({ key: 'another lane' });
    await trial.store.lanes.park(undefined, marker, { after: 0, failure });
    const deliveries = trial.runLanes();
    await deliveries.received(1);
    expect(deliveries.ids()).toEqual(idsOf([marker]));
    expect(await trial.replayAll()).toEqual([true]);
    await deliveries.received(4);
    expect(deliveries.ids().slice(1)).toEqual(idsOf(messages));
  });

  it('do not keep a command waiting that passes them; a retried message does', async () => {
    const { lanes } = trial.store;
    await lanes.park(undefined, message(), { after: 60_000, failure });
    expect(await lanes.parkIfLaneBlocked(undefined, message({ passes: true }))).toBe(true);
    await lanes.deadLetter(undefined, message({ key: 'dead' }), failure, true);
    const behind = message({ key: 'dead' });
    expect(await lanes.parkIfLaneBlocked(undefined, behind)).toBe(true);
    const passing = message({ key: 'dead', passes: true });
    expect(await lanes.parkIfLaneBlocked(undefined, passing)).toBe(false);
  });

  it('let a parked command pass that does not wait for them; the others of the lane wait, and go on in order after a replay', async () => {
    const messages = [message(), message(), message({ passes: true }), message()];
    await trial.parkAndDivert(messages);
    const deliveries = trial.runLanes((_, count) =>
      count === 1 ? { kind: 'dead', failure, hold: true } : 'handle',
    );
    await deliveries.received(2);
    const [failed, second, passing, fourth] = idsOf(messages);
    expect(deliveries.ids()).toEqual([failed, passing]);
    expect(await trial.replayAll()).toEqual([true]);
    await deliveries.received(5);
    expect(deliveries.ids()).toEqual([failed, passing, failed, second, fourth]);
    await deliveries.settled();
    expect(deliveries.effects).toEqual([passing, failed, second, fourth]);
  });

  it('let a parked command pass that does not wait for them, also when the letter came another way', async () => {
    const messages = [message(), message({ passes: true })];
    await trial.store.lanes.park(undefined, messages[0]!, { after: 60_000, failure });
    expect(await trial.store.lanes.parkIfLaneBlocked(undefined, messages[1]!)).toBe(true);
    await trial.store.lanes.deadLetter(undefined, message(), failure, true);
    const deliveries = trial.runLanes();
    await deliveries.received(1);
    expect(deliveries.ids()).toEqual(idsOf(messages.slice(1)));
  });

  it('made of a parked message keep their place in the lane', async () => {
    const messages = [message(), message()];
    await trial.parkAndDivert(messages);
    const deliveries = trial.runLanes((_, count) =>
      count === 1 ? { kind: 'dead', failure, hold: true } : 'handle',
    );
    await trial.buried(1);
    expect(await trial.replayAll()).toEqual([true]);
    await deliveries.received(3);
    const [first, second] = idsOf(messages);
    expect(deliveries.ids()).toEqual([first, first, second]);
    await deliveries.settled();
    expect(await trial.store.lanes.deadLetters.count()).toBe(0);
  });

  it('are replayed once only', async () => {
    await trial.store.lanes.deadLetter(undefined, message(), failure, false);
    const [letter] = await trial.store.lanes.deadLetters.list();
    expect([
      await trial.store.lanes.deadLetters.replay(letter!.id),
      await trial.store.lanes.deadLetters.replay(letter!.id),
    ]).toEqual([true, false]);
    const deliveries = trial.runLanes();
    await deliveries.settled();
    expect(deliveries.effects).toEqual([letter!.headers.id]);
  });
}
