import type { Failpoint } from '@parley/messaging/transport';
import { CONSUMER, SENDER, type CrashSite, type UnderWay } from './place';
import type { Plant } from './plants';
import { faultsOf } from './verdict';
import { WorkerPool, type CrashWorker } from './victim';
import type { Orders } from './worker';

export interface CampaignOptions {
  readonly site: CrashSite;
  /** The kind of worker that is killed: consumers, or senders, which commit and relay. */
  readonly victim: typeof CONSUMER | typeof SENDER;
  /** The compiled worker.ts. */
  readonly worker: string;
  /** From 0 to 1: when the next one is killed. */
  readonly random: () => number;
  /** Processes killed at random moments. */
  readonly kills: number;
  /** Processes that end at an enumerated pass of a step. */
  readonly failPoints: number;
  /** The first of the enumerated ones, to go on where an earlier campaign ended. Default 0. */
  readonly from?: number;
  readonly plant?: Plant;
  /** Instead of all that the victim takes. */
  readonly steps?: readonly Failpoint[];
  /** True: no worker is killed any more, and the records are compared. */
  readonly over?: () => boolean;
  readonly progress?: (text: string) => void;
}

export interface CampaignResult {
  readonly kills: number;
  /** Random kills that interrupted work, by the kind of work. */
  readonly cut: Readonly<Record<keyof UnderWay, number>>;
  /** Ends per step. */
  readonly ends: ReadonlyMap<Failpoint, number>;
  readonly said: number;
  readonly effects: number;
  /** Empty: everything holds. */
  readonly faults: readonly string[];
  readonly milliseconds: number;
}

/** A worker lives no longer than this, in milliseconds, after its first commit. */
const LIFE = 50;
/**
 * Steps are ended at their first pass, their second … as far as this, and then again: no two lives
 * are the same.
 */
const PASSES = 50;
/** Of steps that few messages take. */
const RARE: Partial<Record<Failpoint, number>> = { 'message.kept': 8 };
const MUST_DIE_WITHIN = 60_000;
/** Without any message on its way getting further. With a planted bug some never do. */
const NOTHING_MOVES = { honest: 30_000, planted: 3_000 };
const PUBLISHING: readonly Failpoint[] = [
  'transaction.worked',
  'transaction.stored',
  'transaction.committed',
];
const RELAYING: readonly Failpoint[] = ['relay.read', 'relay.published', 'relay.removed'];
const CONSUMING: readonly Failpoint[] = [
  'delivery.received',
  'delivery.handled',
  'handler.returned',
  'queue.claimed',
  'queue.settled',
];
const WITH_INBOX: readonly Failpoint[] = ['inbox.recorded', 'message.kept'];

/** The steps a victim takes here. Sagas have none of their own: a step is a transaction. */
export function stepsOf(victim: CampaignOptions['victim'], relays: boolean): readonly Failpoint[] {
  const consuming = victim === CONSUMER ? [...CONSUMING, ...(relays ? WITH_INBOX : [])] : [];
  return [...PUBLISHING, ...(relays ? RELAYING : []), ...consuming];
}

/**
 * Lets workers of one kind die again and again while messages flow, then looks whether the books
 * are right.
 */
export class Campaign {
  private readonly nursery: WorkerPool;
  private readonly lives = {
    kills: 0,
    cut: { transactions: 0, unacknowledged: 0, unpublished: 0, unremoved: 0 },
    ends: new Map<Failpoint, number>(),
  };
  private readonly faults: string[] = [];
  private born = 0;

  constructor(private readonly options: CampaignOptions) {
    this.nursery = new WorkerPool(options.worker, options.site.module);
  }

  async run(): Promise<CampaignResult> {
    const started = performance.now();
    const steady = await this.live(this.options.victim === CONSUMER ? SENDER : CONSUMER);
    try {
      await this.killAtRandom();
      await this.endAtSteps();
      await this.settle(steady);
      this.faults.push(...(await faultsOf(this.options.site)), ...(await this.vacuous()));
    } finally {
      await Promise.all([steady.kill(), this.nursery.close()]);
    }
    return {
      ...this.lives,
      ...(await this.counts()),
      faults: this.faults,
      milliseconds: performance.now() - started,
    };
  }

  private async killAtRandom(): Promise<void> {
    const { kills, victim, random, site, progress, over } = this.options;
    for (; this.lives.kills < kills && !over?.(); this.lives.kills++) {
      const one = await this.live(victim, { atWork: true });
      await pause(random() * LIFE);
      one.stop();
      this.count(await site.underWay(victim, this.name(victim)));
      await this.buried(one.kill());
      progress?.(`${this.lives.kills + 1} of ${kills} kills`);
    }
  }

  private async endAtSteps(): Promise<void> {
    const {
      failPoints,
      from = 0,
      victim,
      site,
      progress,
      over,
      steps = stepsOf(victim, site.relays),
    } = this.options;
    for (let end = from; end < failPoints && !over?.(); end++) {
      const step = steps[end % steps.length]!;
      const failPoint = `${step}:${1 + (Math.floor(end / steps.length) % (RARE[step] ?? PASSES))}`;
      const one = await this.live(victim, { failPoint });
      const late = setTimeout(
        () => (
          this.faults.push(`${failPoint} was not passed within ${MUST_DIE_WITHIN} ms`),
          void one.kill()
        ),
        MUST_DIE_WITHIN,
      );
      await this.buried(one.died);
      clearTimeout(late);
      this.lives.ends.set(step, (this.lives.ends.get(step) ?? 0) + 1);
      progress?.(`${end + 1} of ${failPoints} ends, the last at ${failPoint}`);
    }
  }

  /** Sends nothing more, and waits until all that was sent has taken effect. */
  private async settle(steady: CrashWorker): Promise<void> {
    const { victim } = this.options;
    if (victim === CONSUMER) await steady.end();
    const last = await this.live(victim, { silent: true });
    const relay = victim === CONSUMER ? await this.live(SENDER, { silent: true }) : undefined;
    const left = await this.atRest();
    if (left > 0) this.faults.push(`${left} messages got no further`);
    await Promise.all([last.end(), relay?.end()]);
  }

  /** Waits until no message is on its way, or none moves: how many are left. */
  private async atRest(): Promise<number> {
    const { site, plant } = this.options;
    const patience = plant ? NOTHING_MOVES.planted : NOTHING_MOVES.honest;
    let left = await site.left();
    for (let since = performance.now(); left > 0 && performance.now() - since < patience;) {
      await pause(50);
      const now = await site.left();
      if (now !== left) since = performance.now();
      left = now;
    }
    return left;
  }

  private async live(
    service: CampaignOptions['victim'],
    more: Partial<Orders> = {},
  ): Promise<CrashWorker> {
    const { site, plant } = this.options;
    const one = this.nursery.take();
    this.born++;
    await one.go({ data: site.data, service, instance: this.name(service), plant, ...more });
    return one;
  }

  private name(service: string): string {
    return `${service}-${this.born}`;
  }

  private async buried(
    died: Promise<{ readonly signal: string | null; readonly code: number | null }>,
  ): Promise<void> {
    const { signal, code } = await died;
    if (signal !== 'SIGKILL') this.faults.push(`a worker ended by itself (${signal ?? code})`);
    await this.options.site.expire();
  }

  private count(underWay: UnderWay): void {
    for (const what of Object.keys(underWay) as (keyof UnderWay)[])
      if (underWay[what] > 0) this.lives.cut[what]++;
  }

  /**
   * A run in which no kill cut anything off, or in which fewer things happened than deaths, proves
   * nothing.
   */
  private async vacuous(): Promise<readonly string[]> {
    const { victim, site } = this.options;
    const { cut, kills } = this.lives;
    const { said, effects } = await this.counts();
    const what =
      victim === CONSUMER
        ? cut.transactions + cut.unacknowledged
        : cut.transactions + (site.relays ? cut.unpublished : 0);
    return [
      ...(kills > 0 && what === 0 ? [`none of ${kills} kills cut anything off: vacuous`] : []),
      ...(said < kills || effects < kills
        ? [
            `${said} things said and ${effects} effects in ${kills} lives: too few to prove anything`,
          ]
        : []),
    ];
  }

  private async counts(): Promise<{ readonly said: number; readonly effects: number }> {
    const [said, effects] = await Promise.all([
      this.options.site.said(),
      this.options.site.effects(),
    ]);
    return { said: said.length, effects: effects.length };
  }
}

const pause = (milliseconds: number) =>
  new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
