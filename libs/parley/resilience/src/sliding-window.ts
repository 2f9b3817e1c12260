import type { ElapsedClock } from './elapsed-clock';

const SLICES = 10;
/** Before every window, also that of a process that has just started. */
const LONG_AGO = -Infinity;

/** Results of the last `window` milliseconds, forgotten a tenth of the window at a time. */
export class SlidingWindow {
  private readonly slices = Array.from({ length: SLICES }, () => ({
    slice: LONG_AGO,
    all: 0,
    failed: 0,
  }));

  constructor(
    private readonly window: number,
    private readonly clock: ElapsedClock,
  ) {}

  note(ok: boolean): void {
    const slice = this.now();
    const entry = this.slices[slice % SLICES]!;
    if (entry.slice !== slice) Object.assign(entry, { slice, all: 0, failed: 0 });
    entry.all += 1;
    if (!ok) entry.failed += 1;
  }

  counts(): { readonly all: number; readonly failed: number } {
    const oldest = this.now() - SLICES;
    let all = 0;
    let failed = 0;
    for (const entry of this.slices) {
      if (entry.slice <= oldest) continue;
      all += entry.all;
      failed += entry.failed;
    }
    return { all, failed };
  }

  clear(): void {
    for (const entry of this.slices) entry.slice = LONG_AGO;
  }

  private readonly now = (): number => Math.floor((this.clock.elapsed() * SLICES) / this.window);
}
