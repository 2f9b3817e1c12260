import { eventually } from '../harness/recorder';
import { failure, SUBSCRIPTION } from './store-messages';
import type { StoreTrial } from './store-trial';

const by = { who: 'ada', reason: 'the provider is back' };

/** Replays of many dead letters in steps: their record, their lease, and what becomes of letters. */
export function replayRuns(trial: StoreTrial): void {
  const runs = () => trial.store.lanes.deadLetters.runs;
  /** Letters of one cause, each in a lane of its own. */
  const bury = async (letters: number) => {
    for (let n = 0; n < letters; n++) await trial.buryOne({ key: `k-${n}` }, {}, true);
    const { group } = await trial.only();
    return { subscription: SUBSCRIPTION, group, rate: 100 };
  };
  const begin = async (letters: number) => {
    const begun = await runs().begin(await bury(letters), by, 'insights-1');
    return begun!.run;
  };
  const letters = () => trial.idsFound({});
  const audited = async () =>
    (await trial.store.lanes.deadLetters.audit()).map(({ action, outcome }) => [action, outcome]);

  it('are begun once for a subscription and cause, by whoever comes first', async () => {
    const asked = await bury(3);
    const other = await trial.another();
    const begun = await Promise.all([
      runs().begin(asked, { who: 'ada' }, 'insights-1'),
      other.lanes.deadLetters.runs.begin(asked, { who: 'bob' }, 'insights-2'),
    ]);
    expect(begun.map((one) => one!.isNew).sort()).toEqual([false, true]);
    const [first, second] = begun.map((one) => one!.run);
    expect(first).toEqual(second);
    expect(await runs().begin({ ...asked, group: 'another' }, by, 'insights-1')).toBeUndefined();
    expect(first).toMatchObject({ state: 'running', step: 0, total: 3, replayed: 0 });
  });

  it('count what became of their letters', async () => {
    const run = await begin(3);
    const [first, second, third] = await letters();
    expect(await runs().replay(run, first!)).toBe('done');
    expect(await runs().replay(run, second!)).toBe('done');
    expect(await runs().replay(run, second!)).toBe('gone');
    expect(await runs().look(run)).toMatchObject({ inStep: 2, replayed: 2, open: 2 });
    const deliveries = trial.runLanes((_, count) =>
      count === 1 ? 'handle' : { kind: 'dead', failure, hold: true },
    );
    await deliveries.received(2);
    await trial.buried(2);
    const looked = await eventually(async () => {
      const found = await runs().look(run);
      return found!.open <= 1 && found;
    }, 'the other letter to be handled');
    expect(looked).toMatchObject({ replayed: 2, open: 1, relapse: { failure } });
    const died = (await letters()).at(-1);
    expect(looked.relapse!.letter).toBe(died);
    expect(await letters()).toEqual([third, died]);
  });

  it('do not count a letter whose lane waits for another one as one of the step', async () => {
    const early = await trial.buryOne({}, {}, false);
    await trial.buryOne({}, { message: 'another cause' }, true);
    const asked = { subscription: SUBSCRIPTION, group: early.group, rate: 1 };
    const { run } = (await runs().begin(asked, by, 'insights-1'))!;
    expect(await runs().replay(run, early.id)).toBe('waits');
    expect(await runs().look(run)).toMatchObject({ inStep: 0, replayed: 1, open: 0, waiting: 1 });
  });

  it('go on with another driver, and the former one replays nothing more', async () => {
    const run = await begin(3);
    const [first, second] = await letters();
    await runs().replay(run, first!);
    const other = (await trial.another()).lanes.deadLetters.runs;
    expect(await other.take('insights-2')).toEqual([]);
    await runs().release(run);
    const [taken] = await other.take('insights-2');
    expect(taken).toMatchObject({ id: run.id, driver: 'insights-2', replayed: 1 });
    expect(await runs().replay(run, second!)).toBe('over');
    expect(await runs().look(run)).toBeUndefined();
    expect(await runs().advance(run, 'step 1')).toBe(false);
    expect(await runs().end(run, 'done', 'late')).toBe(false);
    expect(await other.replay(taken!, second!)).toBe('done');
  });

  it('end for a person at once, and only once', async () => {
    const run = await begin(2);
    const [first] = await letters();
    const cancels = await Promise.all([
      runs().cancel(run.id, 'cancelled by bob', { who: 'bob', reason: 'not now' }),
      runs().cancel(run.id, 'cancelled by eve', { who: 'eve' }),
    ]);
    expect(cancels.filter((done) => done)).toHaveLength(1);
    expect(await runs().replay(run, first!)).toBe('over');
    expect(await runs().list()).toMatchObject([{ state: 'cancelled', ended: expect.any(Date) }]);
    expect(await letters()).toHaveLength(2);
  });

  it('have beginning, steps and end in the audit, with who and why, beside each replay', async () => {
    const run = await begin(2);
    const [first, second] = await letters();
    await runs().replay(run, first!);
    await runs().advance(run, 'step 1: 1 letter handled');
    await runs().replay(run, second!);
    await runs().end(run, 'done', '2 of 2 handled');
    expect(await audited()).toEqual([
      ['canary replay', `run ${run.id} ends: 2 of 2 handled`],
      ['replay', 'done'],
      ['canary replay', `run ${run.id}, step 1: 1 letter handled`],
      ['replay', 'done'],
      ['canary replay', `run ${run.id} begins: 2 letters of ${run.group}, at 100 a second`],
    ]);
    const [end, replay] = await trial.store.lanes.deadLetters.audit();
    expect(end).toMatchObject({ ...by, letter: second, subscription: SUBSCRIPTION });
    expect(replay).toMatchObject({ who: 'ada', reason: `${by.reason} (run ${run.id})` });
    expect(await runs().list({ id: run.id })).toMatchObject([
      { state: 'done', step: 1, outcome: '2 of 2 handled' },
    ]);
  });

  it('tell how many letters of a cause died again after a replay', async () => {
    await begin(2);
    const [first] = await letters();
    await trial.store.lanes.deadLetters.replay(first!);
    trial.runLanes(() => ({ kind: 'dead', failure, hold: true }));
    await trial.buried(2);
    expect(await trial.store.lanes.deadLetters.groups()).toMatchObject([{ count: 2, relapsed: 1 }]);
    const found = await trial.store.lanes.deadLetters.list();
    expect(found.map(({ relapses }) => relapses)).toEqual([0, 1]);
  });
}
