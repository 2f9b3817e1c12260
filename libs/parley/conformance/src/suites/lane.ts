import type { Command, Contract } from '@parley/contract';
import { type SendOptions, UnrecoverableError } from '@parley/messaging';
import { effectsReach, expectOrderPerKey, numbers } from './effects';
import { Gate } from '../harness/recorder';
import type { Instance } from '../harness/instance';
import type { TryPromise } from '../suite';
import { jobs, note, type Handle, type Job } from '../harness/test-scenario';

const send = ({ messenger }: Instance, contract: Contract, job: Job, options: SendOptions) =>
  messenger.send(contract as unknown as Command, job, options);

/** The place of a command in the lane of its key, where it is not simply the next one. */
export function lanePromises(promise: TryPromise): void {
  promise('T61', async (trial) => {
    const contract = trial.contract();
    const [tries, done, finish] = [trial.journal(), trial.journal(), new Gate()];
    let broken = true;
    const handle: Handle = async (job, context) => {
      note(tries)(job, context);
      if (job.n === 1) {
        if (job.key === 'busy') await finish.opened;
        if (job.key === 'retried' && context.attempt === 1) throw new Error('not yet');
        if (job.key === 'dying' && broken) throw new Error('never');
        if (job.key === 'dead' && broken) throw new UnrecoverableError('why try again');
      }
      await context.transaction((tx) => trial.record(tx, `${job.key}${job.n}`));
      note(done)(job, context);
    };
    const instance = await trial.receive(contract, handle, {
      concurrency: 10,
      // One that waits in its handler keeps no transaction of others open.
      options: { transaction: 'own', retry: { immediate: 0, delays: ['1s'] } },
    });
    const sender = await trial.senderInstance();
    const pass = (job: Job) => send(sender, contract, job, { passDeadLetters: true });
    const of = (seen: typeof done, key: string) =>
      numbers(seen.entries.filter(({ job }) => job.key === key));

    await trial.send(contract, { key: 'busy', n: 1 }, { key: 'retried', n: 1 });
    await trial.send(contract, { key: 'dying', n: 1 }, { key: 'dying', n: 2 });
    await trial.send(contract, { key: 'dead', n: 1 });
    await tries.reach(4, ({ job }) => job.n === 1);
    await pass({ key: 'busy', n: 2 });
    await pass({ key: 'retried', n: 2 });
    await pass({ key: 'dying', n: 3 });
    const letters = await trial.dead(instance, 2);
    await trial.send(contract, { key: 'dead', n: 2 });
    await pass({ key: 'dead', n: 3 });
    await done.reach(2, ({ job }) => job.n === 3);
    await done.reach(2, ({ job }) => job.key === 'retried');
    expect(of(tries, 'busy')).toEqual([1]);
    finish.open();
    await done.reach(2, ({ job }) => job.key === 'busy');
    expect(of(tries, 'busy')).toEqual([1, 2]);
    expect(of(tries, 'retried')).toEqual([1, 1, 2]);
    expect(of(tries, 'dying')).toEqual([1, 1, 3]);
    expect(of(tries, 'dead')).toEqual([1, 3]);

    broken = false;
    for (const { id } of letters) await instance.store.lanes.deadLetters.replay(id);
    await done.reach(2, ({ job: { key, n } }) => n === 2 && (key === 'dying' || key === 'dead'));
    for (const key of ['dying', 'dead']) expect(of(done, key)).toEqual([3, 1, 2]);
    expect(await effectsReach(trial, 10)).toHaveLength(10);
  });

  promise('T62', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    let first: number | undefined;
    const handle: Handle = (job, context) => {
      first ??= performance.now();
      note(seen)(job, context);
    };
    for (let instance = 1; instance <= 2; instance++) await trial.receive(contract, handle);
    const sender = await trial.senderInstance();
    const keyOf = (way: string) => (n: number) => `${way}${n % 3}`; // not one instance a key
    const sent = performance.now();
    for (const job of jobs(40, keyOf('alone'))) await send(sender, contract, job, { delay: '2s' });
    await sender.transactions.run(async () => {
      for (const job of jobs(20, keyOf('together')))
        await send(sender, contract, job, { delay: '2s' });
    });
    await seen.reach(60);
    expect(first! - sent).toBeGreaterThanOrEqual(1_995);
    expectOrderPerKey(seen.entries);
  });
}
