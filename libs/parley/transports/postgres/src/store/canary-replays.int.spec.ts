import { Controller } from '@nestjs/common';
import { event } from '@parley/contract';
import { type HandlerContext, Handles, Subscription, UnrecoverableError } from '@parley/messaging';
import type { ReplayRun } from '@parley/messaging/transport';
import { eventually, Instance } from '@parley/conformance';
import { z } from 'zod';
import { postgres } from '../postgres';
import { TrialDatabase } from '../trial-database.fixture';
import { PostgresStore } from './store';

jest.setTimeout(240_000);

const SERVICE = 'shop';
const LETTERS = 500;
const RATE = 100;
const PATIENCE = 180_000;
const Placed = event(`${SERVICE}.parcel-placed`, z.object({ key: z.string() }), { key: 'key' });

type Fulfilled = PromiseFulfilledResult<ReplayRun | undefined>;

/** The provider that the handler asks: away, until somebody repairs it. */
let isAway: boolean;

@Controller()
@Subscription('books')
class Books {
  @Handles(Placed, { retry: { immediate: 0, delays: [] } })
  async book({ key }: { key: string }, { tx }: HandlerContext): Promise<void> {
    if (isAway) throw new UnrecoverableError('the provider is away');
    await tx.query('insert into public.effect (lane) values ($1)', [key]);
  }
}

describe('500 dead letters of one cause, in PostgreSQL', () => {
  let database: TrialDatabase;
  const instances: Instance[] = [];
  let group: string;

  const start = async (name: string) => {
    const dataSource = database.dataSource(SERVICE);
    const url = database.url(SERVICE);
    const place = {
      options: {
        urls: { events: url },
        technologies: [postgres],
        store: new PostgresStore(dataSource, { service: SERVICE }),
      },
      kill: () => 0,
      alive: () => true,
      close: async () => void (dataSource.isInitialized && (await dataSource.destroy())),
    };
    const instance = await Instance.start(SERVICE, name, place, [Books], {
      circuitBreaker: false,
    });
    instances.push(instance);
    return instance;
  };
  const [lettersOf, deskOf] = [
    ({ store }: Instance) => store.lanes.deadLetters,
    ({ messaging }: Instance) => messaging.canaryReplays!,
  ];
  const asked = () => ({ subscription: `${SERVICE}.books`, group, rate: RATE });
  const over = (instance: Instance, id: string) =>
    eventually(
      async () => {
        const [run] = await lettersOf(instance).runs.list({ id });
        return run?.state !== 'running' && run;
      },
      `the end of run ${id}`,
      PATIENCE,
    );
  const effects = async () =>
    (
      await database.admin.query<{ n: string; once: string }>(
        'select count(*) n, count(distinct lane) once from public.effect',
      )
    ).rows[0]!;

  beforeAll(async () => {
    database = await TrialDatabase.create([SERVICE]);
    isAway = true;
    const instance = await start(`${SERVICE}-1`);
    await start(`${SERVICE}-2`);
    await instance.transactions.run(async () => {
      for (let n = 0; n < LETTERS; n++) await instance.messenger.publish(Placed, { key: `k-${n}` });
    });
    await eventually(
      async () => (await lettersOf(instance).count()) === LETTERS,
      `${LETTERS} letters`,
      PATIENCE,
    );
    group = (await lettersOf(instance).groups())[0]!.group;
  });
  afterAll(async () => {
    for (const instance of instances) await instance.stop();
    await database.drop();
  });

  it('stop after the first one while the cause is there; of two operators one is told of the other', async () => {
    const [one, other] = instances as [Instance, Instance];
    const begun = await Promise.allSettled([
      deskOf(one).begin(asked(), { who: 'ada', reason: 'try it' }),
      deskOf(other).begin(asked(), { who: 'bob', reason: 'try it, too' }),
    ]);
    expect(begun.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const { reason } = begun.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
    const taken = begun.find(({ status }) => status === 'fulfilled') as Fulfilled;
    expect((reason as Error).message).toMatch(/^(ada|bob) replays \w+ of shop\.books since /);
    const run = await over(one, taken.value!.id);
    expect(run).toMatchObject({ state: 'relapsed', step: 0, replayed: 1, total: LETTERS });
    expect(run.outcome).toContain('the provider is away; 0 of 500 handled, 499 left alone');
    expect(await lettersOf(one).groups()).toMatchObject([{ count: LETTERS, relapsed: 1 }]);
    expect((await effects()).n).toBe('0');
  });

  it('complete at their rate once it is gone, each once, and go on when their instance ends', async () => {
    const [one, other] = instances as [Instance, Instance];
    isAway = false;
    const began = performance.now();
    const { id } = (await deskOf(other).begin(asked(), { who: 'ada', reason: 'it is back' }))!;
    await eventually(async () => Number((await effects()).n) > 60, 'the last step', PATIENCE);
    await instances.pop()!.stop();
    const run = await over(one, id);
    const seconds = (performance.now() - began) / 1_000;
    expect(run).toMatchObject({ state: 'done', outcome: '500 of 500 handled', driver: 'shop-1' });
    expect(await effects()).toEqual({ n: '500', once: '500' });
    expect(seconds).toBeGreaterThan((LETTERS - 1) / RATE - 1);
    const audit = await lettersOf(one).audit({ limit: 1_000 });
    const steps = audit.filter(({ action }) => action === 'canary replay').slice(0, 5);
    expect(steps.map(({ who, reason, outcome }) => [who, reason, outcome]).reverse()).toEqual(
      [
        `run ${id} begins: 500 letters of ${group}, at 100 a second`,
        `run ${id}, step 1: 1 letter handled`,
        `run ${id}, step 2: 5 letters handled`,
        `run ${id}, step 3: 25 letters handled`,
        `run ${id} ends: 500 of 500 handled`,
      ].map((outcome) => ['ada', 'it is back', outcome]),
    );
  });
});
