import type { JsMsg } from '@nats-io/jetstream';
import { LeaseLostError, type TransportContext } from '@parley/messaging/transport';
import type { Connection } from './connection';

/** The lease is renewed so often while it lasts: two renewals may fail. */
const RENEWALS = 3;

/** A message that JetStream delivered to us: ours until it is settled, or its lease runs out. */
export class Lease {
  private readonly lost = new AbortController();
  private readonly everyMs: number;
  private until: number;
  private cancel: () => void = () => undefined;

  constructor(
    readonly message: JsMsg,
    private readonly connection: Connection,
    private readonly leaseMs: number,
    private readonly clock: TransportContext['clock'],
  ) {
    this.everyMs = leaseMs / RENEWALS;
    this.until = clock.elapsed() + leaseMs;
    this.renewLater();
  }

  /** Aborted when the message is not ours any more, or the drain ran out of time. */
  get signal(): AbortSignal {
    return this.lost.signal;
  }

  /** Handled, or kept elsewhere: JetStream may forget it. @throws when that is not confirmed */
  async finish(): Promise<void> {
    this.cancel();
    await this.message.ackAck();
  }

  /** JetStream delivers it again, at once, before the later ones of its lane. */
  giveBack(): void {
    this.cancel();
    this.message.nak();
  }

  lose(why: string): void {
    this.cancel();
    this.lost.abort(new LeaseLostError(why));
  }

  private renewLater(): void {
    this.cancel = this.clock.after(this.everyMs, () => this.renew());
  }

  private renew(): void {
    const now = this.clock.elapsed();
    if (this.connection.isUp) {
      this.message.working();
      this.until = now + this.leaseMs;
    } else if (now + this.everyMs > this.until)
      return this.lose('the lease of a message could not be renewed: the connection is lost');
    this.renewLater();
  }
}
