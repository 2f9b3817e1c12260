import type { Contract, Kind } from '@parley/contract';
import type { Instance } from '../harness/instance';
import { eventually, type Recorder } from '../harness/recorder';
import {
  jobs,
  note,
  say,
  type Handle,
  type Job,
  type Seen,
  type TestScenario,
} from '../harness/test-scenario';

/* Shared by the tests of stored messages: policies, effects, and records of them. */

export const AT_ONCE = { retry: { immediate: 0, delays: ['10ms'] } } as const;
export const NEVER_AGAIN = { retry: { immediate: 0, delays: [] } } as const;
export const OWN = { transaction: 'own' } as const;

export const numbers = (seen: readonly Seen[]): number[] => seen.map(({ job }) => job.n);
export const sorted = (list: readonly number[]): number[] => [...list].sort((a, b) => a - b);
export const upTo = (count: number): number[] => jobs(count).map(({ n }) => n);
export const pause = (milliseconds: number) =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));
/** Commands need no key; without one they go another way on most technologies. */
export const keyedOrNot = (kind: Kind): readonly boolean[] =>
  kind === 'command' ? [true, false] : [true];
export const keyOf = ({ job }: Seen): string => job.key;

/** Handles, notes it in the journal and, in the transaction, in the database. */
export const effect =
  (trial: TestScenario, seen: Recorder<Seen>, service?: string): Handle =>
  async (job, context) => {
    note(seen)(job, context);
    await trial.record(context.tx, `${job.key}${job.n}`, service);
  };

/** Effects appear when their transactions commit, which is after their handlers were seen. */
export async function effectsReach(
  trial: TestScenario,
  count: number,
  service?: string,
): Promise<readonly string[]> {
  return eventually(async () => {
    const effects = await trial.effects(service);
    return effects.length >= count && effects;
  }, `${count} effects`);
}

export function expectOrderPerKey(seen: readonly Seen[]): void {
  for (const key of new Set(seen.map(keyOf))) {
    const order = numbers(seen.filter((one) => keyOf(one) === key));
    expect(order).toEqual(sorted(order));
  }
}

/**
 * The first handling of each message: redeliveries after a crash may repeat, but not run backwards.
 */
export function firstTimes(seen: readonly Seen[]): Seen[] {
  const known = new Set<string>();
  return seen.filter(({ id }) => !known.has(id) && known.add(id));
}

/** Says a message as part of a transaction of the speaker's. */
export async function sendInTransaction(
  sender: Instance,
  contract: Contract,
  ...all: Job[]
): Promise<void> {
  await sender.transactions.run(async () => {
    for (const job of all) await say(sender, contract, job);
  });
}

/** Sends until the technology takes a message again. */
export const sendsAgain = (
  sender: Instance,
  contract: Contract,
  job: Job,
  patience: number,
): Promise<unknown> =>
  eventually(
    () =>
      say(sender, contract, job).then(
        () => true,
        () => false,
      ),
    'the technology to be back',
    patience,
  );

/** For keys and values; a technology may refuse at most one of them where it is said. */
export const ODD_TEXTS = [
  'Zürich',
  '"quotes", 100 %',
  'two\nlines\t.',
  '🚀',
  ' padded ',
  'ک‎ rtl',
  '{}',
  "'; drop table --",
  'ü'.repeat(200),
];
