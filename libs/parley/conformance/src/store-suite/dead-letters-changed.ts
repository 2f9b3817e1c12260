import { SUBSCRIPTION, Placed, failure, idsOf, message } from './store-messages';
import type { StoreTrial } from './store-trial';

/** Dead letters that are discarded, edited and replayed, and the audit of it. */
export function changedDeadLetters(trial: StoreTrial): void {
  it('are discarded once, with a reason; the lane they held goes on without them, and no duplicate brings them back', async () => {
    const messages = [message(), message()];
    await trial.store.lanes.deadLetter(undefined, messages[0]!, failure, true);
    await trial.store.lanes.parkIfLaneBlocked(undefined, messages[1]!);
    const { id } = await trial.only();
    const deliveries = trial.runLanes();
    const other = await trial.another();
    const discards = [trial.store, other].map(({ lanes }, n) =>
      lanes.deadLetters.discard(id, { who: `operator ${n}`, reason: 'a test order' }),
    );
    expect((await Promise.all(discards)).sort()).toEqual([false, true]);
    await deliveries.received(1);
    await deliveries.settled();
    expect(deliveries.effects).toEqual([messages[1]!.headers.id]);
    expect(await trial.store.lanes.deadLetters.count()).toBe(0);
    expect(
      await trial.store.transaction((tx) =>
        trial.store.inbox.record(tx, SUBSCRIPTION, messages[0]!.headers.id!),
      ),
    ).toBe(false);
    expect(await trial.store.lanes.parkIfLaneBlocked(undefined, message())).toBe(false);
  });

  it('discarded from a lane in which nothing waits leave it free', async () => {
    await trial.store.lanes.deadLetter(undefined, message(), failure, true);
    expect(await trial.store.lanes.parkIfLaneBlocked(undefined, message({ key: 'another' }))).toBe(
      false,
    );
    expect(
      await trial.store.lanes.deadLetters.discard((await trial.only()).id, { who: 'ada' }),
    ).toBe(true);
    expect(await trial.store.lanes.parkIfLaneBlocked(undefined, message())).toBe(false);
    expect((await trial.store.lanes.parked(SUBSCRIPTION)).size).toBe(0);
  });

  it('are replayed with another body, the old one kept in the audit', async () => {
    await trial.store.lanes.deadLetter(
      undefined,
      message({ body: Buffer.from('{"orderId":7}') }),
      failure,
      false,
    );
    const { id } = await trial.only();
    expect(
      await trial.store.lanes.deadLetters.edit(id, Buffer.from('{"orderId":"7"}'), {
        who: 'ada',
        reason: 'a number',
        replay: true,
        edits: 0,
      }),
    ).toBe('done');
    const deliveries = trial.runLanes();
    await deliveries.received(1);
    expect(Buffer.from(deliveries.all[0]!.body).toString()).toBe('{"orderId":"7"}');
    await deliveries.settled();
    const [entry] = await trial.store.lanes.deadLetters.audit();
    expect(entry).toMatchObject({
      action: 'edit and replay',
      who: 'ada',
      reason: 'a number',
      letter: id,
      outcome: 'done',
      subscription: SUBSCRIPTION,
      failure,
      became: 'handled',
    });
    expect([entry!.before, entry!.after].map((body) => Buffer.from(body!).toString())).toEqual([
      '{"orderId":7}',
      '{"orderId":"7"}',
    ]);
  });

  it('are not edited over the edit of somebody else', async () => {
    await trial.store.lanes.deadLetter(undefined, message(), failure, false);
    const { id } = await trial.only();
    const edit = (body: string) =>
      trial.store.lanes.deadLetters.edit(id, Buffer.from(body), { who: 'ada', edits: 0 });
    expect([await edit('{"a":1}'), await edit('{"b":1}')]).toEqual(['done', 'edited meanwhile']);
    expect(Buffer.from((await trial.only()).body).toString()).toBe('{"a":1}');
    expect((await trial.only()).edits).toBe(1);
    expect(
      await trial.store.lanes.deadLetters.edit('999999', Buffer.from('{}'), { who: 'ada' }),
    ).toBe('gone');
  });

  it('are replayed by one of two operators, and both are in the audit', async () => {
    for (let n = 0; n < 20; n++) await trial.buryOne({ key: `k-${n % 5}` });
    const other = await trial.another();
    const letters = await trial.store.lanes.deadLetters.list();
    const replayed = await Promise.all(
      letters.flatMap(({ id }) =>
        [trial.store, other].map(({ lanes }, n) =>
          lanes.deadLetters.replay(id, { who: `operator ${n}` }),
        ),
      ),
    );
    expect(replayed.filter((done) => done)).toHaveLength(20);
    const deliveries = trial.runLanes();
    await deliveries.received(20);
    await deliveries.settled();
    expect(new Set(deliveries.effects).size).toBe(20);
    expect(deliveries.effects).toHaveLength(20);
    const audit = await trial.store.lanes.deadLetters.audit();
    expect([
      audit.length,
      audit.filter(({ outcome }) => outcome === 'done').length,
      audit.filter(({ outcome }) => outcome === 'gone').length,
    ]).toEqual([40, 20, 20]);
    expect(await trial.store.lanes.deadLetters.audit({ letter: letters[0]!.id })).toHaveLength(2);
    expect(await trial.store.lanes.deadLetters.audit({ who: 'operator 1', limit: 5 })).toHaveLength(
      5,
    );
  });

  it('wait, replayed, for another one that holds their lane', async () => {
    const [early, held, late] = [message(), message(), message()];
    await trial.store.lanes.deadLetter(undefined, early, failure, false);
    await trial.store.lanes.deadLetter(undefined, held, failure, true);
    await trial.store.lanes.parkIfLaneBlocked(undefined, late);
    const [first, second] = await trial.store.lanes.deadLetters.list();
    expect(await trial.store.lanes.deadLetters.find(first!.id)).toMatchObject({
      heldBy: second!.id,
    });
    expect(await trial.store.lanes.deadLetters.replay(first!.id)).toBe(true);
    const marker = message({ key: 'another lane' });
    await trial.store.lanes.park(undefined, marker, { after: 0, failure });
    const deliveries = trial.runLanes();
    await deliveries.received(1);
    expect(deliveries.ids()).toEqual(idsOf([marker]));
    expect(await trial.store.lanes.deadLetters.replay(second!.id)).toBe(true);
    await deliveries.received(4);
    expect(deliveries.ids().at(-1)).toBe(late.headers.id);
  });

  it('say of a replay what became of it', async () => {
    const letter = await trial.buryOne();
    await trial.store.lanes.deadLetters.replay(letter.id);
    expect((await trial.store.lanes.deadLetters.audit())[0]).toMatchObject({
      action: 'replay',
      who: 'somebody',
      became: 'waiting',
    });
    trial.runLanes((_, count) => (count === 1 ? { kind: 'dead', failure, hold: false } : 'handle'));
    await trial.buried(1);
    expect((await trial.store.lanes.deadLetters.audit())[0]).toMatchObject({
      became: 'dead again',
    });
    expect(Number((await trial.only()).id)).toBeGreaterThan(Number(letter.id));
  });

  it('have it written down when something was refused', async () => {
    const { id, body } = await trial.buryOne();
    await trial.store.lanes.deadLetters.refused(id, {
      who: 'ada',
      action: 'edit',
      outcome: 'orderId is missing',
      after: Buffer.from('{}'),
    });
    expect((await trial.store.lanes.deadLetters.audit())[0]).toMatchObject({
      who: 'ada',
      action: 'edit',
      outcome: 'orderId is missing',
      before: body,
      contract: Placed.name,
    });
    expect(await trial.store.lanes.deadLetters.count()).toBe(1);
  });
}
