/*
 * Counters and histograms for the path of every message. prom-client's own build a key from the
 * labels at each observation; these resolve the labels once, count in plain fields, and become text
 * only when metrics are scraped.
 */

export interface Sample {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** A trace that is an example of it; OpenMetrics only. */
  readonly exemplar?: {
    readonly labelSet: { readonly trace_id: string };
    readonly value: number;
    /** Seconds since the epoch. */
    readonly timestamp: number;
  };
}

export interface Exposed {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'histogram';
  readonly values: readonly Sample[];
  readonly aggregator: 'sum';
}

type Labels<L extends string> = Readonly<Record<L, string>>;

export interface Count {
  value: number;
}

/** A number that only grows, per set of labels. */
export class Counters<L extends string> {
  private readonly children: { readonly labels: Labels<L>; readonly count: Count }[] = [];

  constructor(
    readonly name: string,
    readonly help: string,
  ) {}

  /** Ask once per set of labels and keep it. */
  of(labels: Labels<L>): Count {
    const count = { value: 0 };
    this.children.push({ labels, count });
    return count;
  }

  get(): Promise<Exposed> {
    const values = this.children.map(({ labels, count }) => ({ labels, value: count.value }));
    return Promise.resolve({
      name: this.name,
      help: this.help,
      type: 'counter',
      values,
      aggregator: 'sum',
    });
  }

  reset(): void {
    for (const { count } of this.children) count.value = 0;
  }
}

export class Distribution {
  readonly counts: Float64Array;
  sum = 0;
  total = 0;
  /** The last trace of each bucket; none while traces are not exported. */
  readonly exemplars: Sample['exemplar'][] = [];

  constructor(private readonly bounds: readonly number[]) {
    this.counts = new Float64Array(bounds.length);
  }

  /** @param traceId of a trace that is exported */
  observe(value: number, traceId?: string): void {
    this.sum += value;
    this.total += 1;
    let i = 0;
    while (i < this.bounds.length && value > this.bounds[i]!) i++;
    if (i < this.bounds.length) this.counts[i]! += 1;
    if (traceId !== undefined)
      this.exemplars[i] = {
        labelSet: { trace_id: traceId },
        value,
        timestamp: Date.now() / 1000,
      };
  }

  clear(): void {
    this.counts.fill(0);
    this.exemplars.length = 0;
    this.sum = this.total = 0;
  }
}

/** How values spread, per set of labels. */
export class Histograms<L extends string> {
  private readonly children: { readonly labels: Labels<L>; readonly distribution: Distribution }[] =
    [];

  constructor(
    readonly name: string,
    readonly help: string,
    private readonly bounds: readonly number[],
  ) {}

  /** Ask once per set of labels and keep it. */
  of(labels: Labels<L>): Distribution {
    const distribution = new Distribution(this.bounds);
    this.children.push({ labels, distribution });
    return distribution;
  }

  get(): Promise<Exposed> {
    const values = this.children.flatMap(({ labels, distribution }) =>
      this.samples(labels, distribution),
    );
    return Promise.resolve({
      name: this.name,
      help: this.help,
      type: 'histogram',
      values,
      aggregator: 'sum',
    });
  }

  reset(): void {
    for (const { distribution } of this.children) distribution.clear();
  }

  private samples(labels: Labels<L>, { counts, exemplars, sum, total }: Distribution): Sample[] {
    let below = 0;
    const buckets = this.bounds.map((le, i) => ({
      metricName: `${this.name}_bucket`,
      labels: { ...labels, le },
      value: (below += counts[i]!),
      exemplar: exemplars[i],
    }));
    return [
      ...buckets,
      {
        metricName: `${this.name}_bucket`,
        labels: { ...labels, le: '+Inf' },
        value: total,
        exemplar: exemplars[this.bounds.length],
      },
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: total },
    ];
  }
}

/**
 * The same figures under another name, with other labels: read from their series when metrics are
 * scraped, so that they cost nothing on the path of a message.
 */
export class View {
  constructor(
    readonly name: string,
    readonly help: string,
    private readonly source: { readonly name: string; get(): Promise<Exposed> },
    /** Undefined: the sample is left out. */
    private readonly labelsOf: (labels: Sample['labels']) => Sample['labels'] | undefined,
  ) {}

  async get(): Promise<Exposed> {
    const { type, aggregator, values } = await this.source.get();
    const renamed = values.flatMap(({ metricName, labels, ...rest }) => {
      const others = this.labelsOf(labels);
      if (!others) return [];
      const { le } = labels;
      return [
        {
          ...rest,
          metricName: metricName?.replace(this.source.name, this.name),
          labels: le === undefined ? others : { ...others, le },
        },
      ];
    });
    return { name: this.name, help: this.help, type, aggregator, values: summed(renamed, type) };
  }

  reset(): void {
    // Its source is reset.
  }
}

/** Samples whose labels became the same are one. */
function summed(samples: readonly Sample[], type: Exposed['type']): readonly Sample[] {
  if (type !== 'counter') return samples;
  const sums = new Map<string, Sample>();
  for (const sample of samples) {
    const id = JSON.stringify(sample.labels);
    sums.set(id, { ...sample, value: sample.value + (sums.get(id)?.value ?? 0) });
  }
  return [...sums.values()];
}
