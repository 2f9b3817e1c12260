import type { ElapsedClock } from './elapsed-clock';

/** A clock that stands until a test moves it. */
export class MovedClock implements ElapsedClock {
  private at = 0;

  readonly elapsed = (): number => this.at;

  forward(milliseconds: number): void {
    this.at += milliseconds;
  }
}
