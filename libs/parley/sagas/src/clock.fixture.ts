import type { Clock } from '@parley/messaging';

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
