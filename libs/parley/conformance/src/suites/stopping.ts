import { OWN, effect, effectsReach, expectOrderPerKey, firstTimes, numbers } from './effects';
import { Gate, Recorder } from '../harness/recorder';
import type { TryPromise } from '../suite';
import { jobs, note, type Handle } from '../harness/test-scenario';

/** Instances end, and others go on. */
export function stoppingPromises(promise: TryPromise): void {
  promise('T42', async (trial) => {
    const contract = trial.contract();
    const [begun, finish] = [new Gate(), new Gate()];
    const seen = trial.journal();
    const done = trial.journal();
    const handle: Handle = async (job, context) => {
      note(seen)(job, context);
      begun.open();
      await finish.opened;
      await context.transaction((tx) => trial.record(tx, `${job.key}${job.n}`));
      note(done)(job, context);
    };
    const first = await trial.receive(contract, handle, { options: OWN });
    await trial.send(contract, { key: 'a', n: 1 });
    await begun.opened;
    await first.messaging.stopConsuming();
    await trial.send(contract, { key: 'b', n: 2 });
    const drained = first.messaging.drained(5_000).then(() => 'over');
    expect(
      await Promise.race([drained, new Promise((resolve) => setImmediate(resolve, 'under way'))]),
    ).toBe('under way');
    const stopped = first.stop();
    finish.open();
    await stopped;
    expect(numbers(done.entries)).toEqual([1]);
    expect(numbers(seen.entries)).toEqual([1]);
    const next = trial.journal();
    await trial.receive(contract, note(next));
    expect(await next.reach(1)).toMatchObject([{ job: { n: 2 }, attempt: 1 }]);
    expect(await trial.effects()).toEqual(['a1']);
  });

  promise('T43', async (trial) => {
    for (const keyed of [true, false]) {
      const contract = trial.contract(keyed ? 'do-job' : 'do-any-job', keyed);
      const begun = new Gate();
      const reported = new Recorder<unknown>();
      const handle: Handle = async (_, { signal }) => {
        begun.open();
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        reported.note(signal.reason);
        throw new Error('gave up');
      };
      const first = await trial.receive(contract, handle, {
        options: OWN,
        subscription: contract.name.split('.')[1],
      });
      await trial.send(contract, { key: 'k', n: 1 });
      await begun.opened;
      await first.stop(50);
      expect(reported.entries).toHaveLength(1);
      const seen = trial.journal();
      const second = await trial.receive(contract, note(seen), {
        subscription: contract.name.split('.')[1],
      });
      const [again] = await seen.reach(1);
      expect(again!.job.n).toBe(1);
      if (!keyed || trial.features.exceptions?.T43 === undefined) expect(again!.attempt).toBe(1);
      await second.stop();
    }
  });

  promise('T44', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    const [batches, size] = [4, 50];
    const sent = jobs(batches * size, (n) => `k${n % 11}-`);
    for (let batch = 0; batch < batches; batch++) {
      const instance = await trial.receive(contract, effect(trial, seen));
      await trial.send(contract, ...sent.slice(batch * size, (batch + 1) * size));
      await instance.stop(); // in the middle of the batch
    }
    await trial.receive(contract, effect(trial, seen));
    const effects = await effectsReach(trial, sent.length);
    expect([...effects].sort()).toEqual(sent.map(({ key, n }) => `${key}${n}`).sort());
    expectOrderPerKey(firstTimes(seen.entries));
  });
}
