import { DeadlineExceededError } from '@parley/resilience';
import type { CallContext } from '@parley/messaging';
import { effectsReach, keyedOrNot } from './effects';
import { eventually, Gate, Recorder } from '../harness/recorder';
import type { TryPromise } from '../suite';
import { handler, jobs, note, type Handle, type TestScenario } from '../harness/test-scenario';

const SOON = { timeout: '300ms', retry: { immediate: 0, delays: ['10ms'] } } as const;
const GRACE = { handlerGrace: '200ms', circuitBreaker: false } as const;

/** Work that a handler does after its time-out, and the refusals that it gets. */
class Late {
  readonly gate = new Gate();
  readonly refused = new Recorder<string>();

  async commits(work: () => Promise<unknown>): Promise<void> {
    await this.gate.opened;
    await work().catch((error: Error) => {
      this.refused.note(error.message);
      throw error;
    });
  }
}

/**
 * Commands and events: two hang in both slots, each time they are tried; one hangs once; the others
 * are good.
 */
export function neverSettlingStored(promise: TryPromise): void {
  promise('T50', async (trial) => {
    for (const keyed of keyedOrNot(trial.kind))
      for (const transaction of ['handler', 'own'] as const)
        await tryStored(trial, transaction, keyed);
  });
}

async function tryStored(
  trial: TestScenario,
  transaction: 'handler' | 'own',
  keyed: boolean,
): Promise<void> {
  const name = keyed ? transaction : `${transaction}-unkeyed`;
  const contract = trial.contract(`do-job-${name}`, keyed);
  const [seen, late] = [trial.journal(), new Late()];
  const record = (key: string, n: number) => (tx: object) => trial.record(tx, `${key}${n}`);
  const handle: Handle = async (job, context) => {
    note(seen)(job, context);
    const commit = () =>
      transaction === 'own'
        ? context.transaction(record(job.key, job.n))
        : record(job.key, job.n)(context.tx);
    const hangs =
      job.key.endsWith('hangs') ||
      (job.key.endsWith('once') && job.n === 1 && context.attempt === 1);
    await (hangs ? late.commits(commit) : commit());
  };
  const interest = {
    ...GRACE,
    concurrency: 2,
    options: { ...SOON, transaction },
    subscription: `hanging-${name}`,
  };
  const instance = await trial.receive(contract, handle, interest);
  const lettersBefore = (await instance.deadLetters()).length;
  const effectsBefore = (await trial.effects()).length;
  // Keys of its own: the lanes of those that died are held.
  const of = (key: string, n = 1) => ({ key: `${name}-${key}`, n });
  const others = [of('once'), of('once', 2), ...[1, 2, 3, 4, 5].map((n) => of(`good${n}-`))];
  await trial.send(contract, of('a-hangs'), of('b-hangs'), ...others);
  const good = others.map(({ key, n }) => `${key}${n}`);
  const own = async () => (await trial.effects()).slice(effectsBefore);
  await eventually(
    async () => (await own()).length >= good.length,
    'the effects of the others',
    40_000,
  );
  const letters = await eventually(
    async () => {
      const all = await instance.deadLetters();
      return all.length >= lettersBefore + 2 && all;
    },
    'two dead letters',
    40_000,
  );
  const died = letters.filter(({ headers }) => headers.type === contract.name);
  expect(died.map(({ failure: { error, tries } }) => [error, tries])).toEqual([
    ['HandlerTimeoutError', 2],
    ['HandlerTimeoutError', 2],
  ]);
  late.gate.open();
  await late.refused.reach(5);
  expect((await own()).sort()).toEqual(good.sort());
  const once = (await own()).filter((effect) => effect.includes('once'));
  if (keyed) expect(once).toEqual([`${name}-once1`, `${name}-once2`]);
  await instance.stop();
}

export function neverSettlingBroadcasts(promise: TryPromise): void {
  promise('T50', async (trial) => {
    const contract = trial.contract();
    const [seen, late] = [trial.journal(), new Late()];
    const handle: Handle = async (job, context) => {
      note(seen)(job, context);
      const commit = () => context.transaction((tx) => trial.record(tx, `${job.key}${job.n}`));
      await (job.key === 'hangs' ? late.commits(commit) : commit());
    };
    const instance = await trial.receive(contract, handle, {
      ...GRACE,
      concurrency: 1,
      options: SOON,
    });
    await trial.send(contract, { key: 'hangs', n: 1 }, ...jobs(3));
    expect([...(await effectsReach(trial, 3))].sort()).toEqual(['k1', 'k2', 'k3']);
    await eventually(
      async () =>
        (await instance.messaging.introspection.health()).overdue?.some(({ ended }) => ended),
      'the end of the one that hangs',
    );
    late.gate.open();
    await late.refused.reach(1);
    expect([...(await trial.effects())].sort()).toEqual(['k1', 'k2', 'k3']);
  });
}

export function neverSettlingCalls(promise: TryPromise): void {
  promise('T50', async (trial) => {
    const contract = trial.question();
    const late = new Late();
    const answer = async (
      job: { readonly key: string; readonly n: number },
      context: CallContext,
    ) => {
      const commit = () =>
        context.transaction(async (tx) => (await trial.record(tx, `${job.key}${job.n}`), job));
      await (job.key === 'hangs' ? late.commits(commit) : commit());
      return job;
    };
    const instance = await trial.start(
      trial.receiver,
      [handler(contract, answer as unknown as Handle)],
      GRACE,
    );
    const { messenger } = await trial.senderInstance();
    const hanging = Array.from({ length: 20 }, (_, n) =>
      messenger.call(contract, { key: 'hangs', n }, { deadline: '1s' }),
    );
    const answers = await Promise.allSettled(hanging);
    expect(
      answers.map(
        (one) => one.status === 'rejected' && one.reason instanceof DeadlineExceededError,
      ),
    ).toEqual(Array(20).fill(true));
    // The callee's timer may fire a little after the caller's.
    expect(await instance.messaging.drained(5_000)).toBe(true);
    expect(await messenger.call(contract, { key: 'k', n: 1 })).toEqual({ key: 'k', n: 1 });
    await eventually(
      async () =>
        (await instance.messaging.introspection.health()).overdue?.filter(({ ended }) => ended)
          .length === 20,
      'the end of those that hang',
    );
    late.gate.open();
    await late.refused.reach(20);
    expect(await trial.effects()).toEqual(['k1']);
  });
}
