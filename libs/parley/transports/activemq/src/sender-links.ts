import {} from '@parley/messaging';
import {
  UnpublishableError,
  withTimeout,
  NotStoredError,
  UnroutableError,
  UnconfirmedError,
} from '@parley/messaging/transport';
import type { Connection, Delivery, EventContext, Message, Sender } from 'rhea';
import type { Address } from './address';
import type { AmqpConnection } from './amqp-connection';
import { attached, linkError } from './management';

export type Capability = 'queue' | 'topic';

const CONFIRMED_WITHIN = 10_000;

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
    private readonly address: Address,
    private readonly target: string,
  ) {
    sender.on('sendable', () => this.wake());
    sender.on('accepted', ({ delivery }: EventContext) => this.take(delivery!)?.resolve());
    for (const no of ['rejected', 'released'])
      sender.on(no, ({ delivery }: EventContext) =>
        this.take(delivery!)?.reject(refusal(target, address, delivery!, no)),
      );
    sender.on('sender_close', () => this.close(linkError(sender).message));
  }

  async send(message: Message): Promise<void> {
    while (!this.closed && !this.sender.sendable())
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (this.closed) throw notConnected(this.address);
    await new Promise<void>((resolve, reject) =>
      this.unconfirmed.set(this.sender.send(message), { resolve, reject }),
    );
  }

  /** The outcome of unconfirmed messages is unknown. */
  close(why: string): void {
    this.closed = true;
    for (const { reject } of this.unconfirmed.values())
      reject(unconfirmed(this.target, this.address, why));
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
    private readonly address: Address,
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
    const why = `no answer within ${CONFIRMED_WITHIN / 1_000} s`;
    await withTimeout(CONFIRMED_WITHIN, sending, () =>
      handedOver ? unconfirmed(target, this.address, why) : notConnected(this.address),
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
    const outlet = new SenderLink(sender, this.address, target);
    await attached(sender, 'sendable').catch((error: Error & { condition?: string }) => {
      throw error.condition === 'amqp:not-found'
        ? noSuchAddress(target, this.address)
        : refused(target, this.address, error.message);
    });
    return outlet;
  }
}

/** Error conditions of AMQP 1.0 that speak of the message itself. */
const OF_THE_MESSAGE =
  /^amqp:(decode-error|invalid-field|not-implemented|frame-size-too-small|link:message-size-exceeded)$/;

function refusal(target: string, address: Address, { remote_state }: Delivery, how: string): Error {
  const error = (
    remote_state as { error?: { description?: string; condition?: string } } | undefined
  )?.error;
  const why = error?.description ?? error?.condition ?? how;
  return OF_THE_MESSAGE.test(error?.condition ?? '')
    ? new UnacceptableError(target, address, why)
    : refused(target, address, why);
}

/** The broker takes no such message. Nothing was stored, and saying it again does not help. */
class UnacceptableError extends UnpublishableError {
  override readonly name = 'UnacceptableError';
  constructor(target: string, address: Address, why: string) {
    super(`ActiveMQ at ${address} takes no such message for ${target}: ${why}`);
  }
}

/** There is no connection to hand a message over. */
export const notConnected = (address: Address): NotStoredError =>
  new NotStoredError(
    `there is no connection to ActiveMQ at ${address}; nothing was stored, send it again when it is back`,
  );

/** Whether there is a queue for the message is not known. */
export const notDeclared = (target: string, address: Address, cause: Error): NotStoredError =>
  new NotStoredError(
    `ActiveMQ at ${address} did not declare ${target} (${cause.message}); nothing was stored, send it again when it is back`,
    { cause },
  );

const noSuchAddress = (target: string, address: Address): UnroutableError =>
  new UnroutableError(
    `ActiveMQ at ${address} has no ${target}: someone deleted it; it is made anew for the next message, so send it again`,
  );

const refused = (target: string, address: Address, why: string): NotStoredError =>
  new NotStoredError(
    `ActiveMQ at ${address} refused a message for ${target} (${why}); nothing was stored`,
  );

const unconfirmed = (target: string, address: Address, why: string): UnconfirmedError =>
  new UnconfirmedError(
    `ActiveMQ at ${address} did not confirm a message for ${target} (${why}); send it again under the same id`,
  );
