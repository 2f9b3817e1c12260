/** A time source for durations, which tests can move. The kit's `Clock` is one. */
export interface ElapsedClock {
  /** Milliseconds since an arbitrary moment; never jumps. */
  elapsed(): number;
}

/** The monotonic clock of the process. */
export const processClock: ElapsedClock = { elapsed: () => performance.now() };
