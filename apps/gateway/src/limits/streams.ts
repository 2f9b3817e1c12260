import { problem, ProblemError } from '@parley/service';

export interface StreamLimits {
  /** The most open streams of one client. */
  readonly perClient: number;
  /** The most open streams of this process. */
  readonly inTotal: number;
}

/** The part of a response that is needed here. */
interface Closable {
  readonly destroyed: boolean;
  once(event: 'close', listener: () => void): unknown;
}

/** Counts the open streams of clients, and refuses streams beyond the limits. */
export class Streams {
  private readonly open = new Map<string, number>();
  private total = 0;

  constructor(private readonly limits: StreamLimits) {}

  get count(): number {
    return this.total;
  }

  /**
   * Counts a stream until its response is closed.
   * @throws ProblemError 429 at the limit of the client, 503 at that of the process
   */
  enter(client: string, stream: Closable): void {
    const own = this.open.get(client) ?? 0;
    if (own >= this.limits.perClient) throw new ProblemError(tooMany(this.limits.perClient));
    if (this.total >= this.limits.inTotal) throw new ProblemError(FULL);
    if (stream.destroyed) return;
    this.open.set(client, own + 1);
    this.total += 1;
    stream.once('close', () => this.leave(client));
  }

  private leave(client: string): void {
    const left = (this.open.get(client) ?? 1) - 1;
    if (left > 0) this.open.set(client, left);
    else this.open.delete(client);
    this.total -= 1;
  }
}

const tooMany = (most: number) =>
  problem(
    429,
    'These are too many streams at the same time',
    `You may have ${most} open; close one of them.`,
  );
const FULL = problem(
  503,
  'There are too many streams at the same time',
  'Try again in a moment, or ask for the order itself.',
);
