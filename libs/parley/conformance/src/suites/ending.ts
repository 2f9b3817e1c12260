import type { DeadLetter } from '@parley/messaging';
import { UNFINISHED_AT_MOST } from '@parley/messaging/transport';
import { effectsReach, keyedOrNot, numbers } from './effects';
import type { ProcessEnd } from '../harness/fixture';
import type { Instance } from '../harness/instance';
import { eventually, eventuallyPasses, Gate } from '../harness/recorder';
import type { TryPromise } from '../suite';
import { note, TestScenario, type Handle } from '../harness/test-scenario';

const DEATHS_AT_MOST = 10;
/** Milliseconds: longer than any lease and session of a trial. */
const LEASE_OVER_WITHIN = 60_000;
/** Milliseconds: as long, and what it takes to start a process on a busy machine. */
const HANDED_OVER_WITHIN = 120_000;
const POISON = 'poison';
const UNLUCKY = 'unlucky';

/**
 * An instance that ends as soon as its handler gets the poison, and one is started again when it
 * did.
 */
export function endingPromise(promise: TryPromise): void {
  promise(
    'T51',
    async (trial) => {
      for (const keyed of keyedOrNot(trial.kind)) await tryEnding(trial, keyed);
      if (!trial.offers('processes')) return;
      for (const end of ['exit', 'blocked'] as const) await tryProcesses(trial, end);
    },
    ['death', 'orphans', 'persistent'],
  );
}

async function tryEnding(trial: TestScenario, keyed: boolean): Promise<void> {
  const contract = trial.contract(keyed ? 'do-job' : 'do-any-job', keyed);
  const before = (await trial.effects()).length;
  const own = async (count: number) => (await effectsReach(trial, before + count)).slice(before);
  const lettersOf = async (instance: Instance) =>
    (await instance.deadLetters()).filter(({ headers }) => headers.type === contract.name);
  const seen = trial.journal();
  const good = ['a', 'b', 'c', UNLUCKY, 'd'];
  const live = async () => {
    const died = new Gate();
    const handle: Handle = async (job, context) => {
      note(seen)(job, context);
      if (job.key === POISON) {
        (await instance).kill();
        died.open();
        return new Promise((_, reject) =>
          context.signal.addEventListener('abort', () => reject(new Error('its process is gone'))),
        );
      }
      if (job.key === UNLUCKY && context.attempt < 3) throw new Error('not yet');
      await context.transaction((tx) => trial.record(tx, `${job.key}${job.n}`));
    };
    const instance = trial.receive(contract, handle, {
      options: { transaction: 'own', retry: { immediate: 0, delays: ['10ms', '10ms'] } },
    });
    return { instance: await instance, died: died.opened.then(() => 'died' as const) };
  };
  await trial.send(
    contract,
    { key: 'a', n: 1 },
    { key: POISON, n: 1 },
    ...good.slice(1).map((key) => ({ key, n: 1 })),
    ...(keyed ? [{ key: POISON, n: 2 }] : []),
  );
  const survivor = await lifeAfterLife(trial, live, lettersOf);
  const [letter] = await lettersOf(survivor);
  expect(letter).toMatchObject({
    holds: keyed,
    failure: { error: 'ProcessEndedError', tries: UNFINISHED_AT_MOST },
  });
  expect(letter!.failure.instance).toMatch(new RegExp(`^${trial.receiver}-\\d+$`));
  expect(letter!.failure.message.split('\n')).toHaveLength(1 + UNFINISHED_AT_MOST);
  expect(Date.parse(letter!.failure.lastFailedAt)).toBeGreaterThan(
    Date.parse(letter!.failure.firstFailedAt),
  );
  await trial.send(contract, { key: 'a', n: 2 });
  const effects = await own(good.length + 1);
  expect([...effects].sort()).toEqual([...good.map((key) => `${key}1`), 'a2'].sort());
  expect(await lettersOf(survivor)).toHaveLength(1);
  const of = (key: string) => seen.entries.filter(({ job }) => job.key === key);
  expect(new Set(numbers(of(POISON)))).toEqual(new Set([1])); // its lane is held
  for (const key of good)
    expect(new Set(of(key).map(({ attempt }) => attempt))).toEqual(
      new Set(key === UNLUCKY ? [1, 2, 3] : [1]),
    );
  await survivor.stop();
}

/**
 * Processes that really end: by themselves, or blocked for so long that the technology takes their
 * messages away while they still hold them.
 */
async function tryProcesses({ kind, fixture }: TestScenario, end: ProcessEnd): Promise<void> {
  // Names of its own: their store knows nothing of what instances of this process handled.
  const trial = new TestScenario(kind, fixture, () => undefined);
  const contract = trial.contract(`do-job-by-${end}`);
  const good = ['a', 'b', UNLUCKY, 'c'];
  const host = await fixture.processes!(trial.receiver);
  try {
    const jobsOf = (keys: readonly string[], n: number) => keys.map((key) => ({ key, n }));
    await trial.send(contract, ...jobsOf(['a', POISON, 'b', UNLUCKY, POISON], 1));
    for (let lives = 1; (await host.deadLetters()).length === 0; lives++) {
      if (lives > DEATHS_AT_MOST + 1)
        throw new Error(`by ${end}: it still ended its process after ${lives - 1} deliveries`);
      const { over } = await host.start(`${trial.receiver}-${end}-${lives}`, contract, end);
      const isDead = async () => (await host.deadLetters()).length > 0;
      await Promise.race([
        over,
        eventually(isDead, `by ${end}: death ${lives}, or the dead letter`, HANDED_OVER_WITHIN),
      ]);
    }
    const [letter] = await host.deadLetters();
    expect(letter).toMatchObject({
      holds: true,
      failure: { error: 'ProcessEndedError', tries: UNFINISHED_AT_MOST },
    });
    expect(letter!.failure.message.split('\n')).toHaveLength(1 + UNFINISHED_AT_MOST);
    await trial.send(contract, { key: 'c', n: 1 });
    await eventuallyPasses(
      async () =>
        expect([...(await host.effects())].sort()).toEqual(good.map((key) => `${key}1`).sort()),
      LEASE_OVER_WITHIN,
    );
    expect(await host.deadLetters()).toHaveLength(1);
  } finally {
    await host.close();
    await trial.close();
  }
}

/** Starts one after the other until one does not die of it: the poison is a dead letter. */
async function lifeAfterLife(
  trial: TestScenario,
  live: () => Promise<{ readonly instance: Instance; readonly died: Promise<'died'> }>,
  lettersOf: (instance: Instance) => Promise<readonly DeadLetter[]>,
): Promise<Instance> {
  for (let deaths = 0; deaths <= DEATHS_AT_MOST; deaths++) {
    const { instance, died } = await live();
    const isDead = async () => (await lettersOf(instance).catch(() => [])).length > 0;
    const end = await Promise.race([
      died,
      eventually(isDead, `death ${deaths + 1}, or the dead letter`, LEASE_OVER_WITHIN),
    ]);
    if (end !== 'died') return instance;
    await trial.fixture.expire?.();
  }
  throw new Error(`it still ended its process after ${DEATHS_AT_MOST} deliveries`);
}
