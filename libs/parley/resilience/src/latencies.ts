const SAMPLES = 128;
/** The quantile is worked out anew after this many further samples. */
const STEP = 32;

/** A quantile of the last 128 latencies. */
export class Latencies {
  private readonly samples = new Float64Array(SAMPLES);
  private count = 0;
  private value: number | undefined;

  constructor(private readonly quantile = 0.95) {}

  note(milliseconds: number): void {
    this.samples[this.count % SAMPLES] = milliseconds;
    this.count += 1;
    if (this.count % STEP !== 0) return;
    const sorted = this.samples.slice(0, Math.min(this.count, SAMPLES)).sort();
    this.value = sorted[Math.ceil(sorted.length * this.quantile) - 1];
  }

  /** Milliseconds; undefined until 32 are known. */
  get current(): number | undefined {
    return this.value;
  }
}
