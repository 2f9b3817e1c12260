import { LeaseLostError } from '@parley/messaging/transport';
import type { Message } from '@aws-sdk/client-sqs';

/** A command that SQS handed to us: ours until its lease runs out. */
export class LeasedMessage {
  private readonly lost = new AbortController();
  /** Nothing more is to be done with it. */
  ended = false;

  constructor(
    readonly message: Message,
    /** The key's group; undefined: it has none. */
    readonly group: string | undefined,
    /** When it is not ours any more unless renewed, by our own clock. */
    public until: number,
  ) {}

  /** Aborted when it is not ours any more, or the drain ran out of time. */
  get signal(): AbortSignal {
    return this.lost.signal;
  }

  lose(why: string): void {
    this.ended = true;
    this.lost.abort(new LeaseLostError(why));
  }
}
