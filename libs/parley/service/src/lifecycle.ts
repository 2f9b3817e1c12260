/** The phases of a process's life. It takes work only while it is 'running'. */
export type Phase = 'starting' | 'running' | 'draining' | 'stopped';

/** The phase of this process; readiness asks it first. */
export class Lifecycle {
  private current: Phase = 'starting';
  private doing = 'loading';
  readonly startedAt = new Date();

  get phase(): Phase {
    return this.current;
  }

  /** The reason for which no work is taken; undefined while the process is running. */
  get reason(): string | undefined {
    return this.current === 'running' ? undefined : `${this.current}: ${this.doing}`;
  }

  enter(phase: Phase, doing: string = phase): void {
    this.current = phase;
    this.doing = doing;
  }
}
