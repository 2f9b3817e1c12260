/** Milliseconds between two equal lines. */
const INTERVAL_MS = 10_000;
/** The most subjects remembered; beyond them all are forgotten together. */
const MOST_SUBJECTS = 1_000;

/** Writes a line once every 10 s at most; the next one contains the number of lines left out. */
export class LogThrottle {
  private readonly last = new Map<string, { at: number; more: number }>();

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** @param write gets the number of lines left out since the last one */
  log(subject: string, write: (more: number) => void): void {
    const before = this.last.get(subject);
    const now = this.now();
    if (before && now - before.at < INTERVAL_MS) return void before.more++;
    if (this.last.size >= MOST_SUBJECTS) this.last.clear();
    this.last.set(subject, { at: now, more: 0 });
    write(before?.more ?? 0);
  }
}

/** ` (7 more times since the last such line)`; nothing for 0. */
export const moreTimes = (more: number): string =>
  more === 0 ? '' : ` (${more} more times since the last such line)`;
