/*
 * Counters and histograms for the path of every message. prom-client's own build a key from the
 * labels at each observation; these resolve the labels once, count in plain fields, and become text
 * only when metrics are scraped.
 */

export interface Sample {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

interface Exposed {
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

  constructor(private readonly bounds: readonly number[]) {
    this.counts = new Float64Array(bounds.length);
  }

  observe(value: number): void {
    this.sum += value;
    this.total += 1;
    for (let i = 0; i < this.bounds.length; i++) {
      if (value <= this.bounds[i]!) {
        this.counts[i]! += 1;
        return;
      }
    }
  }

  clear(): void {
    this.counts.fill(0);
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

  private samples(labels: Labels<L>, { counts, sum, total }: Distribution): Sample[] {
    let below = 0;
    const buckets = this.bounds.map((le, i) => ({
      metricName: `${this.name}_bucket`,
      labels: { ...labels, le },
      value: (below += counts[i]!),
    }));
    return [
      ...buckets,
      { metricName: `${this.name}_bucket`, labels: { ...labels, le: '+Inf' }, value: total },
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: total },
    ];
  }
}
