import { withTimeout, type PublishErrors } from '@parley/messaging/transport';
import type { Connection, Delivery, EventContext, Message, Sender } from 'rhea';
import type { AmqpConnection } from './amqp-connection';
import { attached, linkError } from './management';

export type Capability = 'queue' | 'topic';

const CONFIRMED_WITHIN_MS = 10_000;

/** A sending link, and its messages that are not confirmed yet. */
class SenderLink {
  closed = false;
  private readonly unconfirmed = new Map<
    Delivery,
    { readonly resolve: () => void; readonly reject: (error: Error) => void }
  >();
  private waiting: Array<() => void> = [];

  constructor(
    readonly sender: Sender,
    private readonly errors: PublishErrors,
    private readonly target: string,
  ) {
    sender.on('sendable', () => this.wake());
    sender.on('accepted', ({ delivery }: EventContext) => this.take(delivery!)?.resolve());
    for (const no of ['rejected', 'released'])
      sender.on(no, ({ delivery }: EventContext) =>
        this.take(delivery!)?.reject(refusal(errors, target, delivery!, no)),
      );
    sender.on('sender_close', () => this.close(linkError(sender).message));
  }

  async send(message: Message): Promise<void> {
    while (!this.closed && !this.sender.sendable())
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (this.closed) throw this.errors.notConnected();
    await new Promise<void>((resolve, reject) =>
      this.unconfirmed.set(this.sender.send(message), { resolve, reject }),
    );
  }

  /** The outcome of unconfirmed messages is unknown. */
  close(why: string): void {
    this.closed = true;
    for (const { reject } of this.unconfirmed.values())
      reject(this.errors.unconfirmed(this.target, why));
    this.unconfirmed.clear();
    this.wake();
  }

  private take(delivery: Delivery) {
    const waiting = this.unconfirmed.get(delivery);
    this.unconfirmed.delete(delivery);
    return waiting;
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

/** The sending links of a connection, one for each address, opened when they are needed. */
export class SenderLinks {
  private outlets = new Map<string, Promise<SenderLink>>();

  constructor(
    private readonly line: AmqpConnection,
    private readonly errors: PublishErrors,
  ) {}

  /** The connection is gone, and its links with it. */
  lost(why: Error): void {
    const outlets = this.outlets;
    this.outlets = new Map();
    for (const outlet of outlets.values())
      void outlet.then((open) => open.close(why.message)).catch(() => undefined);
  }

  /** Resolves when the broker has it; rejects within 10 s. */
  async send(target: string, capability: Capability, message: Message): Promise<void> {
    let handedOver = false;
    const sending = (async () => {
      const outlet = await this.outlet(target, capability);
      handedOver = true;
      await outlet.send(message);
    })();
    const why = `no answer within ${CONFIRMED_WITHIN_MS / 1_000} s`;
    await withTimeout(CONFIRMED_WITHIN_MS, sending, () =>
      handedOver ? this.errors.unconfirmed(target, why) : this.errors.notStored(target, why),
    );
  }

  private outlet(target: string, capability: Capability): Promise<SenderLink> {
    const known = this.outlets.get(target);
    if (known) return known;
    const { outlets } = this;
    const opening = this.line
      .arrival()
      .then((connection) => this.open(connection, target, capability));
    outlets.set(target, opening);
    const forget = () => void outlets.delete(target);
    opening.then((outlet) => outlet.sender.on('sender_close', forget), forget);
    return opening;
  }

  private async open(
    connection: Connection,
    target: string,
    capability: Capability,
  ): Promise<SenderLink> {
    const sender = connection.open_sender({
      target: { address: target, capabilities: [capability] } as never,
    });
    const outlet = new SenderLink(sender, this.errors, target);
    await attached(sender, 'sendable').catch((error: Error & { condition?: string }) => {
      throw error.condition === 'amqp:not-found'
        ? this.errors.unroutable(target, 'it is made anew for the next message, so send it again')
        : this.errors.notStored(target, error.message);
    });
    return outlet;
  }
}

/** Error conditions of AMQP 1.0 that speak of the message itself. */
const OF_THE_MESSAGE =
  /^amqp:(decode-error|invalid-field|not-implemented|frame-size-too-small|link:message-size-exceeded)$/;
/**
 * The broker's own error of a message whose properties are larger than a record of its journal. Its
 * condition says only that it failed.
 */
const LARGER_THAN_A_RECORD = /^AMQ149005\b/;

function refusal(
  errors: PublishErrors,
  target: string,
  { remote_state }: Delivery,
  how: string,
): Error {
  const error = (
    remote_state as { error?: { description?: string; condition?: string } } | undefined
  )?.error;
  const why = error?.description ?? error?.condition ?? how;
  return OF_THE_MESSAGE.test(error?.condition ?? '') || LARGER_THAN_A_RECORD.test(why)
    ? errors.unacceptable(target, why)
    : errors.notStored(target, why);
}
