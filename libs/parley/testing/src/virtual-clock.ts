import { milliseconds, type Duration } from '@parley/contract';
import type { Clock } from '@parley/messaging/transport';

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** Lets work that a timer started proceed as far as possible before the next timer fires. */
export type Quiet = () => Promise<void>;

/** Time that passes only when a test says so. */
export class VirtualClock implements Clock {
  /** In the order in which they were set. */
  private timers: Timer[] = [];

  /** By how much the time of day was set wrong. */
  private off = 0;

  private readonly started: number;

  constructor(private time = Date.parse('2026-01-01T00:00:00.000Z')) {
    this.started = time;
  }

  now(): number {
    return this.time + this.off;
  }

  /** From 0, as in a process that has just started; and never to be mixed with `now`. */
  elapsed(): number {
    return this.time - this.started;
  }

  /** Sets the time of day by so many milliseconds, back or forth: no time passes. */
  jump(milliseconds: number): void {
    this.off += milliseconds;
  }

  after(delay: number, callback: () => void): () => void {
    const timer = { at: this.time + Math.max(0, delay), callback };
    this.timers.push(timer);
    return () => (this.timers = this.timers.filter((other) => other !== timer));
  }

  /**
   * Runs the timers that come due: those of one instant together, then their work, then those of
   * the next; timers they set count too.
   */
  async advance(duration: Duration, quiet: Quiet = fewTurns): Promise<void> {
    const until = this.time + milliseconds(duration);
    await quiet();
    for (let next = this.next(until); next; next = this.next(until)) {
      this.time = next.at;
      for (const timer of this.timers.filter(({ at }) => at === next.at)) this.run(timer);
      await quiet();
    }
    this.time = until;
    await quiet();
  }

  /** Unless one of the same instant has cancelled it. */
  private run(timer: Timer): void {
    if (!this.timers.includes(timer)) return;
    this.timers = this.timers.filter((other) => other !== timer);
    timer.callback();
  }

  private next(until: number): Timer | undefined {
    const due = this.timers.filter(({ at }) => at <= until);
    return due.reduce<Timer | undefined>(
      (first, timer) => (first && first.at <= timer.at ? first : timer),
      undefined,
    );
  }
}

const TURNS = 5;

/** Enough for work that waits for nothing but promises. */
export async function fewTurns(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await new Promise(setImmediate);
}
