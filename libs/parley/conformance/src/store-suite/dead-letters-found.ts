import { randomUUID } from 'node:crypto';
import { causeOf, type ParkedMessage } from '@parley/messaging/transport';
import { SUBSCRIPTION, Placed, Ship, failure, message } from './store-messages';
import type { StoreTrial } from './store-trial';

/** How dead letters are found and grouped. */
export function foundDeadLetters(trial: StoreTrial): void {
  it('are found by contract, error class, cause, time and age', async () => {
    const [a, b, c] = [
      await trial.buryOne(),
      await trial.buryOne({ type: Ship.name }),
      await trial.buryOne({}, { error: 'RangeError' }),
    ];
    expect(await trial.idsFound({ contract: Placed.name })).toEqual([a.id, c.id]);
    expect(await trial.idsFound({ error: 'TypeError' })).toEqual([a.id, b.id]);
    expect(await trial.idsFound({ group: c.group })).toEqual([c.id]);
    expect(await trial.idsFound({ upTo: b.id })).toEqual([a.id, b.id]);
    expect(await trial.idsFound({ newest: true })).toEqual([c.id, b.id, a.id]);
    expect(await trial.idsFound({ from: a.died, to: new Date(c.died.getTime() + 1_000) })).toEqual([
      a.id,
      b.id,
      c.id,
    ]);
    expect(await trial.idsFound({ from: new Date(c.died.getTime() + 1_000) })).toEqual([]);
    expect(await trial.idsFound({ to: new Date(a.died.getTime() - 1_000) })).toEqual([]);
    expect(await trial.store.lanes.deadLetters.count({ contract: Placed.name })).toBe(2);
  });

  it('are grouped by what they died of, whichever order it was about', async () => {
    for (const key of [randomUUID(), randomUUID()])
      await trial.buryOne({ key }, { message: `no stock for ${key}\nnor for anybody` });
    const alone = await trial.buryOne({ subscription: 'insights.sales' }, { error: 'RangeError' });
    const groups = await trial.store.lanes.deadLetters.groups();
    expect(groups).toMatchObject([
      {
        error: 'TypeError',
        cause: 'no stock for …',
        contract: Placed.name,
        count: 2,
        subscriptions: [SUBSCRIPTION],
      },
      {
        group: alone.group,
        error: 'RangeError',
        cause: 'no luck',
        count: 1,
        subscriptions: ['insights.sales'],
        first: alone.died,
        last: alone.died,
      },
    ]);
    expect(groups.map(({ group }) => group)).toEqual(
      (await trial.store.lanes.deadLetters.groups()).map(({ group }) => group),
    );
    expect((await trial.only()).group).toBe(causeOf(await trial.only()).group);
    expect(await trial.store.lanes.deadLetters.groups({ group: alone.group })).toHaveLength(1);
  });

  it('are each kept, also when they have no id or one id together', async () => {
    const ids = [undefined, undefined, '', 'one', 'one', randomUUID()];
    const strange = ids.map(
      (id, n) =>
        ({
          ...message({ body: Buffer.from(`{"n":${n}}`) }),
          headers: id === undefined ? {} : { id },
        }) as ParkedMessage,
    );
    const reused = { ...strange[5]!, body: Buffer.from('another') };
    for (const one of [...strange, reused, ...strange])
      await trial.store.lanes.deadLetter(undefined, one, failure, false);
    expect(
      (await trial.store.lanes.deadLetters.list()).map(({ body }) => Buffer.from(body).toString()),
    ).toEqual([...strange, reused].map(({ body }) => body.toString()));
  });

  it('can be listed whatever their sender wrote into them', async () => {
    const hostile = await trial.buryOne({ type: 'a\0\ud800' }, { error: 'E\0', message: '\0' });
    expect(hostile.headers.type).toBe('a\0\ud800');
    expect(await trial.store.lanes.deadLetters.groups()).toMatchObject([{ count: 1 }]);
  });

  it('tell how many wait behind them, and whether they were handled before', async () => {
    const messages = [message(), message(), message()];
    await trial.store.lanes.deadLetter(undefined, messages[0]!, failure, true);
    for (const later of messages.slice(1))
      await trial.store.lanes.parkIfLaneBlocked(undefined, later);
    const letter = await trial.only();
    expect(await trial.store.lanes.deadLetters.find(letter.id)).toMatchObject({
      id: letter.id,
      holds: true,
      waiting: 2,
      handledBefore: false,
      headers: letter.headers,
    });
    expect(await trial.store.lanes.deadLetters.find('999999')).toBeUndefined();
    expect(await trial.store.lanes.deadLetters.find('../1')).toBeUndefined();
  });
}
