import type { BatchResultErrorEntry } from '@aws-sdk/client-sqs';

/** SQS takes no more in one request. */
const MOST = 10;

export type Entry = { readonly Id: string };

interface Asked<E> {
  readonly entry: E;
  readonly size: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** SQS took the others of a request, but not this one. */
export class EntryRefused extends Error {
  override readonly name = 'EntryRefused';
  constructor(
    readonly code: string,
    message: string,
    /** Whether it would be refused again. */
    readonly isOurFault: boolean,
  ) {
    super(`${code}: ${message}`);
  }
}

/** Puts what is asked for at about the same time into one request. Each learns what became of its own part. */
export class Batches<E> {
  private waiting: Asked<E>[] = [];

  constructor(
    private readonly request: (entries: (E & Entry)[]) => Promise<{ Failed?: BatchResultErrorEntry[] }>,
    /** Bytes of all entries of a request together. */
    private readonly limit = Infinity,
    private readonly sizeOf: (entry: E) => number = () => 0,
  ) {}

  add(entry: E): Promise<void> {
    if (this.waiting.length === 0) setImmediate(() => this.flush());
    return new Promise((resolve, reject) => this.waiting.push({ entry, size: this.sizeOf(entry), resolve, reject }));
  }

  private flush(): void {
    const waiting = this.waiting.splice(0);
    let group: Asked<E>[] = [];
    let bytes = 0;
    for (const asked of waiting) {
      if (group.length === MOST || bytes + asked.size > this.limit) {
        void this.ask(group);
        [group, bytes] = [[], 0];
      }
      group.push(asked);
      bytes += asked.size;
    }
    void this.ask(group);
  }

  private async ask(group: readonly Asked<E>[]): Promise<void> {
    if (group.length === 0) return;
    try {
      const { Failed = [] } = await this.request(group.map(({ entry }, index) => ({ ...entry, Id: String(index) })));
      const failed = new Map(Failed.map((one) => [one.Id, one]));
      group.forEach(({ resolve, reject }, index) => {
        const why = failed.get(String(index));
        if (why) reject(new EntryRefused(why.Code ?? 'unknown', why.Message ?? '', why.SenderFault === true));
        else resolve();
      });
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }
}
