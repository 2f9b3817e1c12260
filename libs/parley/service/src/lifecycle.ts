/** Where a process is in its life. It takes work only while it is 'running'. */
export type Phase = 'starting' | 'running' | 'draining' | 'stopped';

/** The one place that knows; readiness asks it first. */
export class Lifecycle {
  private current: Phase = 'starting';
  private doing = 'loading';
  readonly startedAt = new Date();

  get phase(): Phase {
    return this.current;
  }

  /** Why no work is taken, or undefined while it is. */
  get reason(): string | undefined {
    return this.current === 'running' ? undefined : `${this.current}: ${this.doing}`;
  }

  enter(phase: Phase, doing: string = phase): void {
    this.current = phase;
    this.doing = doing;
  }
}
