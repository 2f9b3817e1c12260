import { command, event } from '@parley/contract';
import { UnrecoverableError, type HandlerContext, type Messaging } from '@parley/messaging';
import { z } from 'zod';
import type { Work } from './host';
import { CONSUMER, SENDER, type CrashPlace } from './place';

const Numbered = z.object({ key: z.string(), n: z.int() });
type Numbered = z.infer<typeof Numbered>;

const DoJob = command(`${CONSUMER}.do-job`, Numbered, { key: 'key' });
const CloseJob = command(`${CONSUMER}.close-job`, Numbered, { key: 'key' });
const Poison = command(`${CONSUMER}.take-poison`, Numbered);
const JobNoted = event(`${SENDER}.job-noted`, Numbered, { key: 'key' });

/**
 * Effects that each sent message must have: `job` → its effect and that of the follow-up its
 * handler sends; `noted`; `poison` → a dead letter.
 */
export const KINDS = { job: ['job', 'closed'], noted: ['noted'] } as const;

const KEYS = 24;
const POISON_EVERY = 29;
const ROLLBACK_EVERY = 7;
const FAIL_EVERY = 7;
const LOOK_EVERY = 10;
/** Things said ahead of their effects: enough to be never idle, few enough to be through soon. */
const AHEAD = 100;
/**
 * Messages that a sender sends even while its consumers are far behind: it is to be killed at work.
 */
const AT_LEAST = 40;

/** The pace of the sender, which waits for consumers that fall behind. */
class Pace {
  private behind = 0;
  private granted = 0;
  private stopped = false;

  constructor(private readonly place: CrashPlace) {}

  async watch(): Promise<void> {
    while (!this.stopped) {
      this.behind = await this.place.behind();
      await pause(LOOK_EVERY);
    }
  }

  async room(): Promise<boolean> {
    while (!this.stopped && this.behind > AHEAD && this.granted >= AT_LEAST)
      await pause(LOOK_EVERY);
    this.granted++;
    return !this.stopped;
  }

  stop(): void {
    this.stopped = true;
  }
}

/**
 * Says things for ever, each in a transaction with a row of its own; every so often one that is
 * rolled back.
 */
export class Sender {
  private readonly pace: Pace;
  private loops?: Promise<unknown>;
  private count = 0;

  constructor(
    private readonly messaging: Messaging,
    private readonly place: CrashPlace,
  ) {
    this.pace = new Pace(place);
  }

  start(): void {
    const keys = Array.from({ length: KEYS }, (_, index) => `k${index}`);
    this.loops = Promise.all([this.pace.watch(), ...keys.map((key) => this.send(key))]);
  }

  async stop(): Promise<void> {
    this.pace.stop();
    await this.loops;
  }

  private async send(key: string): Promise<void> {
    while (await this.pace.room()) {
      const count = ++this.count;
      await this.sendOnce(key);
      if (count % ROLLBACK_EVERY === 0) await this.sendInVain(key, -count);
    }
  }

  private async sendOnce(key: string): Promise<void> {
    const { messenger, transactions } = this.messaging;
    await transactions.run(async (tx) => {
      const n = await this.place.next(tx, 'job', key);
      await messenger.send(DoJob, { key, n });
      await messenger.publish(JobNoted, { key, n: await this.place.next(tx, 'noted', key) });
      if (n % POISON_EVERY === 0)
        await messenger.send(Poison, { key, n: await this.place.next(tx, 'poison', key) });
    });
  }

  private async sendInVain(key: string, n: number): Promise<void> {
    const { messenger, transactions } = this.messaging;
    const change = transactions.run(async () => {
      await messenger.send(DoJob, { key, n });
      await messenger.publish(JobNoted, { key, n });
      throw new InVain();
    });
    await change.catch((error) => {
      if (!(error instanceof InVain)) throw error;
    });
  }
}

class InVain extends Error {}

/**
 * The consumer's handlers: one effect a message, in its transaction. Some messages fail at first,
 * some can never be handled, some have a follow-up.
 */
export function worksOf(place: CrashPlace, messaging: () => Messaging): readonly Work[] {
  const effect =
    (kind: string) =>
    async ({ key, n }: Numbered, { tx }: HandlerContext<object>) =>
      place.effect(tx, { kind, key, n });
  return [
    {
      contract: DoJob,
      options: { retry: { immediate: 0, delays: ['10ms', '10ms', '10ms'] } },
      handle: async (job: Numbered, context) => {
        if (job.n % FAIL_EVERY === 0 && context.attempt === 1)
          throw new Error('not at the first attempt');
        await effect('job')(job, context);
        await messaging().messenger.send(CloseJob, job);
      },
    },
    {
      contract: CloseJob,
      options: { transaction: 'own' },
      handle: ({ key, n }: Numbered, { transaction }) =>
        transaction((tx) => place.effect(tx, { kind: 'closed', key, n })),
    },
    {
      contract: Poison,
      handle: async ({ n }: Numbered) => {
        throw new UnrecoverableError(`${n} can never be handled`);
      },
    },
    { contract: JobNoted, subscription: 'notes', handle: effect('noted') },
  ];
}

const pause = (milliseconds: number) =>
  new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
