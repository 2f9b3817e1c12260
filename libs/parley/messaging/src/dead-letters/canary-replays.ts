import { lookAgain, type Clock } from '../clock';
import type { DeadLetters } from '../ports/dead-letters';
import type { Decision } from '../ports/decision';
import { RUN_LEASE_MS, type NewReplayRun, type ReplayRun } from '../ports/replay-runs';
import type { TransportContext } from '../ports/transport';

/** Letters of each step; the last one takes all that are left. */
export const CANARY_STEPS = [1, 5, 25, Infinity] as const;

/** A run that stops leaves at most so many letters undecided, or those of two seconds. */
const OPEN_AT_MOST = 25;
const POLL_MS = 250;
const BURST_MS = 250;
const OUTAGE_PAUSE_MS = 1_000;

/** A run of the subscription and cause is under way. */
export class RunUnderWayError extends Error {
  override readonly name = 'RunUnderWayError';

  constructor(readonly run: ReplayRun) {
    const { id, who, subscription, group, began } = run;
    super(
      `${who} replays ${group} of ${subscription} since ${began.toISOString()} (run ${id}): ${progressOf(run)}; wait for it, or cancel it`,
    );
  }
}

/**
 * Replays the dead letters of a subscription and a cause in steps, and stops at the first that dies
 * again. A run goes on without the person who began it, and on another instance when this one ends.
 */
export class CanaryReplays {
  private readonly driven = new Map<string, Promise<void>>();
  private stopped = true;
  private cancelPoll: () => void = () => undefined;
  private readonly resting = new Set<() => void>();

  constructor(
    private readonly letters: DeadLetters,
    private readonly process: Pick<TransportContext, 'instance' | 'clock' | 'log'>,
  ) {}

  async start(): Promise<void> {
    this.stopped = false;
    await this.takeOver();
  }

  /** Hands its runs over to another instance. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelPoll();
    for (const wake of this.resting) wake();
    await Promise.all(this.driven.values());
  }

  /**
   * Begins a run, and resolves at once. Undefined: there is no such letter.
   * @throws RunUnderWayError
   */
  async begin(asked: NewReplayRun, by: Decision): Promise<ReplayRun | undefined> {
    const begun = await this.letters.runs.begin(asked, by, this.process.instance);
    if (begun?.isNew === false) throw new RunUnderWayError(begun.run);
    if (begun) this.drive(begun.run);
    return begun?.run;
  }

  /** False when it is over already. */
  async cancel(id: string, by: Decision): Promise<boolean> {
    const [run] = await this.letters.runs.list({ id });
    if (run?.state !== 'running') return false;
    const left = await this.leftOf(run);
    return this.letters.runs.cancel(
      id,
      `cancelled by ${by.who}: ${progressOf(run)}, ${left} left alone`,
      by,
    );
  }

  private async takeOver(): Promise<void> {
    try {
      for (const run of await this.letters.runs.take(this.process.instance)) this.drive(run);
    } catch (error) {
      this.process.log('debug', 'runs of replays cannot be looked for', { error });
    }
    if (!this.stopped)
      this.cancelPoll = lookAgain(
        this.process.clock,
        { pollMs: RUN_LEASE_MS },
        () => void this.takeOver(),
      );
  }

  private drive(run: ReplayRun): void {
    const { id } = run;
    const former = this.driven.get(id) ?? Promise.resolve();
    const driving = former
      .then(() => this.driveToEnd(run))
      .finally(() => {
        if (this.driven.get(id) === driving) this.driven.delete(id);
      });
    this.driven.set(id, driving);
  }

  private async driveToEnd(run: ReplayRun): Promise<void> {
    const pace = new Pace(this.process.clock, run.rate);
    while (!this.stopped) {
      try {
        if (!(await this.goOn(run, pace))) return;
      } catch (error) {
        this.process.log('warn', `run ${run.id} of a replay waits: ${(error as Error).message}`);
        await this.rest(OUTAGE_PAUSE_MS);
      }
    }
    await this.letters.runs.release(run).catch(() => undefined); // its lease runs out
  }

  /** Replays the next letters, or waits for those that are open. False when the run is over. */
  private async goOn(held: ReplayRun, pace: Pace): Promise<boolean> {
    const { runs } = this.letters;
    const run = await runs.look(held);
    if (!run) return false;
    if (run.relapse) return this.end(run, 'relapsed', await this.relapseOf(run, run.relapse));
    const size = CANARY_STEPS[run.step] ?? Infinity;
    const most = Math.max(OPEN_AT_MOST, 2 * run.rate);
    const room = Math.floor(Math.min(size - run.inStep, most - run.open));
    const burst = Math.min(room, Math.max(1, Math.floor((run.rate * BURST_MS) / 1_000)));
    const found = burst > 0 ? await this.letters.list({ ...chosen(run), limit: burst }) : [];
    for (const { id } of found) {
      await this.rest(pace.next());
      if (this.stopped) return true;
      if ((await runs.replay(run, id)) === 'over') return false;
    }
    if (found.length > 0) return true;
    if (run.open > 0) await this.rest(POLL_MS);
    else if (room > 0) return this.end(run, 'done', doneOf(run));
    else await runs.advance(run, `step ${run.step + 1}: ${counted(run.inStep)} handled`);
    return true;
  }

  private async end(run: ReplayRun, state: 'done' | 'relapsed', outcome: string): Promise<false> {
    if (await this.letters.runs.end(run, state, outcome))
      this.process.log('info', `run ${run.id} of a replay ends: ${outcome}`);
    return false;
  }

  private async relapseOf(
    run: ReplayRun,
    { letter, failure }: NonNullable<ReplayRun['relapse']>,
  ): Promise<string> {
    const [line = ''] = failure.message.split('\n', 1);
    const left = await this.leftOf(run);
    const others = { ...run, open: run.open - 1, replayed: run.replayed - 1 };
    return `stopped in step ${run.step + 1}: one died again, now letter ${letter}: ${failure.error}: ${line}; ${progressOf(others)}, ${left} left alone`;
  }

  /** Waits so many milliseconds, or until it is stopped. */
  private async rest(milliseconds: number): Promise<void> {
    if (milliseconds <= 0 || this.stopped) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        cancel();
        this.resting.delete(wake);
        resolve();
      };
      const cancel = this.process.clock.after(milliseconds, wake);
      this.resting.add(wake);
    });
  }

  private leftOf(run: ReplayRun): Promise<number> {
    return this.letters.count(chosen(run));
  }
}

/** Keeps the rate of a run: one letter after the other. */
class Pace {
  private due: number;

  constructor(
    private readonly clock: Clock,
    private readonly rate: number,
  ) {
    this.due = clock.elapsed();
  }

  /** Milliseconds until the next letter. What was lost to statements is caught up. */
  next(): number {
    const now = this.clock.elapsed();
    const wait = Math.max(0, this.due - now);
    this.due = Math.max(this.due, now - BURST_MS) + 1_000 / this.rate;
    return wait;
  }
}

const chosen = ({ subscription, group, upTo }: ReplayRun) => ({ subscription, group, upTo });

const counted = (letters: number): string => (letters === 1 ? '1 letter' : `${letters} letters`);

/** `6 of 500 handled, 2 under way` */
export function progressOf({
  total,
  replayed,
  open,
  waiting,
}: Pick<ReplayRun, 'total' | 'replayed' | 'open' | 'waiting'>): string {
  const underWay = open > 0 ? `, ${open} under way` : '';
  const others = waiting > 0 ? `, ${waiting} wait for other dead letters` : '';
  return `${replayed - open - waiting} of ${total} handled${underWay}${others}`;
}

function doneOf(run: ReplayRun): string {
  const others = run.total - run.replayed;
  const byOthers = others > 0 ? `, ${others} decided by somebody else` : '';
  return `${progressOf(run)}${byOthers}`;
}
