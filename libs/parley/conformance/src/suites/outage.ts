import type { Instance } from '../harness/instance';
import { eventually } from '../harness/recorder';
import type { TryPromise } from '../suite';
import {
  handler,
  jobs,
  say,
  type Handle,
  type Job,
  type TestScenario,
} from '../harness/test-scenario';

const [MESSAGES, PUBLISHERS] = [10_000, 100];
/** Milliseconds that the technology stays away the second time. */
const OUTAGE = 30_000;
const PATIENCE = 120_000;
/** Without one more effect. */
const STANDSTILL = 45_000;

/**
 * The technology's own process is killed under load: brokers keep their stored messages, and the
 * kit keeps its other guarantees.
 */
export function outagePromise(promise: TryPromise): void {
  promise(
    'T49',
    async (trial) => {
      const contract = trial.contract();
      const handle: Handle = (job, context) => trial.record(context.tx, `${job.key}${job.n}`);
      const receivers = [
        await trial.start(trial.receiver, [handler(contract, handle)]),
        await trial.start(trial.receiver, [handler(contract, handle)]),
      ];
      const load = new Load(await trial.senderInstance(), (sender, job) =>
        say(sender, contract, job),
      );
      const { kill, start } = trial.fixture.broker!;

      const sent = load.run();
      await load.reach(MESSAGES / 3);
      await kill();
      await become(receivers, 'disconnected');
      await start();
      await become(receivers, 'consuming');
      await load.reach(MESSAGES / 2);
      await kill();
      await become(receivers, 'disconnected');
      const since = performance.now();
      await eventually(() => performance.now() - since > OUTAGE, 'the outage to last', OUTAGE * 2);
      await start();
      await become(receivers, 'consuming');
      await sent;

      const committed = load.committed.map(({ key, n }) => `${key}${n}`);
      const effects = await everyEffect(trial, committed.length);
      const had = new Set(effects);
      expect(effects).toHaveLength(had.size);
      expect(committed.filter((one) => !had.has(one))).toEqual([]);
      if (trial.features.exceptions?.T49 === undefined) expectOrder(effects);
    },
    ['broker'],
  );
}

/** Waits as long as there are more and more of them: a technology may be slow. */
async function everyEffect(trial: TestScenario, count: number): Promise<readonly string[]> {
  for (let effects = await trial.effects(); ;) {
    const had = effects.length;
    if (had >= count) return effects;
    effects = await eventually(
      async () => {
        const now = await trial.effects();
        return now.length > had && now;
      },
      `more than ${had} of ${count} effects`,
      STANDSTILL,
    );
  }
}

/**
 * A hundred senders. Each sends one message after the other, each in a transaction; an outage must
 * not make the transactions fail.
 */
class Load {
  readonly committed: Job[] = [];
  private readonly todo = jobs(MESSAGES, (n) => `k${n % PUBLISHERS}-`);

  constructor(
    private readonly sender: Instance,
    private readonly send: (sender: Instance, job: Job) => Promise<void>,
  ) {}

  async run(): Promise<void> {
    await Promise.all(
      Array.from({ length: PUBLISHERS }, (_, publisher) =>
        this.publish(this.todo.filter(({ n }) => n % PUBLISHERS === publisher)),
      ),
    );
  }

  reach(count: number): Promise<unknown> {
    return eventually(
      () => this.committed.length >= count,
      `${count} messages to be said`,
      PATIENCE,
    );
  }

  /** In the pace of a system that is used, so that outages fall into it. */
  private async publish(own: readonly Job[]): Promise<void> {
    for (const job of own) {
      await this.sender.transactions.run(() => this.send(this.sender, job));
      this.committed.push(job);
      await new Promise((resolve) => setTimeout(resolve, PACE));
    }
  }
}

/** Milliseconds between two messages of one publisher. */
const PACE = 100;

/** Readiness tells the truth: every instance, of its own accord. */
async function become(
  instances: readonly Instance[],
  state: 'disconnected' | 'consuming',
): Promise<void> {
  for (const instance of instances) {
    await eventually(
      async () =>
        (await instance.messaging.introspection.health()).intakes.every(
          (intake) => intake.state === state,
        ),
      `${instance.name} to be ${state}`,
      PATIENCE,
    );
  }
}

function expectOrder(effects: readonly string[]): void {
  const lanes = new Map<string, number[]>();
  for (const effect of effects) {
    const [key, n] = effect.split('-') as [string, string];
    lanes.set(key, [...(lanes.get(key) ?? []), Number(n)]);
  }
  for (const lane of lanes.values()) expect(lane).toEqual([...lane].sort((a, b) => a - b));
}
