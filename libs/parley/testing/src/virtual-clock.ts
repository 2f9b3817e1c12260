import { milliseconds, type Duration } from '@parley/contract';
import type { Clock, ClockTimerOptions } from '@parley/messaging/transport';

interface Timer {
  /** A poll that is left out comes later. */
  at: number;
  readonly callback: () => void;
  /** Milliseconds from one poll to the next; undefined for a timer that is no poll. */
  readonly pollMs?: number;
}

/** A poll looks so often after something happened: what it finds may make another one find more. */
const POLLS_AFTERWARDS = 3;

/** Lets work that a timer started proceed as far as possible before the next timer fires. */
export type Quiet = () => Promise<void>;

/** Time that passes only when a test says so. */
export class VirtualClock implements Clock {
  /** In the order in which they were set. */
  private timers: Timer[] = [];

  /** When the last timer ran that is no poll, or something else happened. */
  private happenedAt: number;

  /** By how much the time of day was set wrong. */
  private off = 0;

  private readonly started: number;

  constructor(private time = Date.parse('2026-01-01T00:00:00.000Z')) {
    this.started = time;
    this.happenedAt = time;
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

  /** Something happened, such as a message: polls may find more, and are not left out for a while. */
  happened(): void {
    this.happenedAt = this.time;
  }

  after(delay: number, callback: () => void, { poll = false }: ClockTimerOptions = {}): () => void {
    const wait = Math.max(0, delay);
    const timer: Timer = {
      at: this.time + wait,
      callback,
      ...(poll && wait > 0 && { pollMs: wait }),
    };
    this.timers.push(timer);
    return () => (this.timers = this.timers.filter((other) => other !== timer));
  }

  /**
   * Runs the timers that come due: those of one instant together, then their work, then those of
   * the next; timers they set count too. Polls are left out while nothing happens.
   */
  async advance(duration: Duration, quiet: Quiet = fewTurns): Promise<void> {
    const until = this.time + milliseconds(duration);
    this.happened();
    await quiet();
    for (let next = this.next(until); next; next = this.next(until)) {
      this.pass(next.at);
      for (const timer of this.timers.filter(({ at }) => at === next.at)) this.run(timer);
      await quiet();
    }
    this.pass(until);
    await quiet();
  }

  /** Polls that were left out until then come next as if they had looked all the time. */
  private pass(time: number): void {
    this.time = time;
    for (const timer of this.timers)
      if (timer.pollMs !== undefined && timer.at < time)
        timer.at += Math.ceil((time - timer.at) / timer.pollMs) * timer.pollMs;
  }

  /** Unless one of the same instant has cancelled it. */
  private run(timer: Timer): void {
    if (!this.timers.includes(timer)) return;
    this.timers = this.timers.filter((other) => other !== timer);
    if (timer.pollMs === undefined) this.happened();
    timer.callback();
  }

  private next(until: number): Timer | undefined {
    const due = this.timers.filter((timer) => timer.at <= until && !this.isLeftOut(timer));
    return due.reduce<Timer | undefined>(
      (first, timer) => (first && first.at <= timer.at ? first : timer),
      undefined,
    );
  }

  private isLeftOut({ at, pollMs }: Timer): boolean {
    return pollMs !== undefined && at > this.happenedAt + POLLS_AFTERWARDS * pollMs;
  }
}

const TURNS = 5;

/** Enough for work that waits for nothing but promises. */
export async function fewTurns(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await new Promise(setImmediate);
}
