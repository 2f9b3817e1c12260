import type { Msg } from '@nats-io/transport-node';
import { LeaseLostError, type TransportContext } from '@parley/messaging/transport';
import type { Connection } from './connection';
import { deliveryOf } from './wire';

/** The lease is renewed so often while it lasts: two renewals may fail. */
const RENEWALS = 3;
const CONFIRMED_WITHIN_MS = 10_000;

/** A message that JetStream delivered to us: ours until it is settled, or its lease runs out. */
export class Lease {
  private readonly lost = new AbortController();
  private readonly everyMs: number;
  /** Its number in the stream, and how often it was delivered, this time included. */
  readonly delivery: ReturnType<typeof deliveryOf>;
  private until: number;
  private cancel: () => void = () => undefined;

  constructor(
    private readonly message: Msg,
    private readonly connection: Connection,
    private readonly leaseMs: number,
    private readonly clock: TransportContext['clock'],
  ) {
    this.delivery = deliveryOf(message.reply);
    this.everyMs = leaseMs / RENEWALS;
    this.until = clock.elapsed() + leaseMs;
    this.renewLater();
  }

  /** Aborted when the message is not ours any more, or the drain ran out of time. */
  get signal(): AbortSignal {
    return this.lost.signal;
  }

  get data(): Uint8Array {
    return this.message.data;
  }

  /** Handled, or kept elsewhere: JetStream may forget it. @throws when that is not confirmed */
  async finish(): Promise<void> {
    this.cancel();
    const confirmed = { timeout: CONFIRMED_WITHIN_MS };
    await this.connection.nats.request(this.message.reply!, '+ACK', confirmed);
  }

  /** JetStream delivers it again, at once, before the later ones of its lane. */
  giveBack(): void {
    this.cancel();
    this.message.respond('-NAK');
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
      this.message.respond('+WPI');
      this.until = now + this.leaseMs;
    } else if (now + this.everyMs > this.until)
      return this.lose('the lease of a message could not be renewed: the connection is lost');
    this.renewLater();
  }
}
