import type { Clock } from '@parley/messaging';
import type { UndoableTx } from './memory-saga-store';

/** One transaction at a time, taken back as a whole when it fails: what a store in memory promises. */
export class MemoryTransactions {
  private last: Promise<unknown> = Promise.resolve();

  run<T>(work: (tx: never) => Promise<T>): Promise<T> {
    const result = this.last.then(() => this.attempt(work));
    this.last = result.catch(() => undefined);
    return result;
  }

  private async attempt<T>(work: (tx: never) => Promise<T>): Promise<T> {
    const undone: (() => void)[] = [];
    const tx: UndoableTx = { undo: (step) => undone.unshift(step) };
    try {
      return await work(tx as never);
    } catch (error) {
      for (const step of undone) step();
      throw error;
    }
  }
}

/** Time that passes when it is told to. */
export class TestClock implements Clock {
  private time = Date.parse('2026-01-01T00:00:00.000Z');
  private readonly alarms = new Set<{ readonly at: number; readonly callback: () => void }>();

  now(): number {
    return this.time;
  }

  after(milliseconds: number, callback: () => void): () => void {
    const alarm = { at: this.time + milliseconds, callback };
    this.alarms.add(alarm);
    return () => this.alarms.delete(alarm);
  }

  pass(milliseconds: number): void {
    this.time += milliseconds;
    for (const alarm of [...this.alarms].filter(({ at }) => at <= this.time)) {
      this.alarms.delete(alarm);
      alarm.callback();
    }
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.alarms.size;
  }
}
