import { problem, ProblemError } from '@parley/service';

export interface StreamLimits {
  /** Open at the same time, of one client. */
  readonly perClient: number;
  /** Open at the same time, of all clients at this process. */
  readonly inTotal: number;
}

/** A response or a socket. */
interface Closable {
  readonly destroyed: boolean;
  once(event: 'close', listener: () => void): unknown;
}

/** Counts the streams that clients have open, and refuses one too many. */
export class Streams {
  private readonly open = new Map<string, number>();
  private total = 0;

  constructor(private readonly limits: StreamLimits) {}

  get count(): number {
    return this.total;
  }

  /**
   * Counts a stream until its response or socket is closed.
   * @throws ProblemError 429 when the client has its fill, 503 when the process has
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
