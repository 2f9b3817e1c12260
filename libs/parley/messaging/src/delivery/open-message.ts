import { wireForm, type Contract } from '@parley/contract';
import { decode } from '../message/codec';
import { readEnvelope } from '../message/envelope';
import { UnrecoverableError } from '../message/failure';
import type { Envelope, Headers } from '../message/message';
import { currentPayload } from '../message/upcasting';
import { isEncrypted, sealedTexts } from '../payload/field-encryption';
import type { PayloadProcessor } from '../payload/payload-processor';
import type { Delivery } from '../ports/delivery';
import type { Handler } from '../ports/subscription';
import { isRecoverable } from './retry-policy';
import type { TrackedDelivery } from './tracked-delivery';

/** No handler of the subscription takes this contract. */
export class NoHandlerError extends UnrecoverableError {
  override readonly name = 'NoHandlerError';
  constructor(subscription: string, type = 'a message without type', verb = 'handles') {
    super(`nothing in ${subscription} ${verb} ${type}`);
  }
}

/** The message's time was over before it was handled. */
class ExpiredError extends UnrecoverableError {
  override readonly name = 'ExpiredError';
}

/** A message that was unpacked and breaks its contract: no handler saw it. */
export class UnreadableError extends UnrecoverableError {}

/** The message as its handler will see it. */
export interface OpenedMessage<H extends Pick<Handler, 'contract'> = Handler> {
  readonly handler: H;
  readonly envelope: Envelope;
  readonly payload: unknown;
  /**
   * True when the body is in a claim store, partly encrypted, or a suspect's: then there is no
   * payload before `unpack`.
   */
  readonly packed: boolean;
}

/** A delivery whose message was opened; of a batch, one of several. */
export interface BatchItem {
  readonly delivery: TrackedDelivery;
  readonly opened: OpenedMessage;
}

/**
 * Opens a message: envelope, handler, expiry, payload.
 * @param now milliseconds since the epoch
 * @param isPacked whether its payload is read later
 * @throws InvalidMessageError, NoHandlerError, ExpiredError, NewerVersionError,
 * UnreadableVersionError: no handler could handle it
 */
export function openMessage<H extends Pick<Handler, 'contract'>>(
  { headers, body }: { readonly headers: Headers; readonly body: Buffer },
  handlerOf: (type: string) => H,
  now: number,
  isPacked: (contract: Contract, envelope: Envelope) => boolean = () => false,
): OpenedMessage<H> {
  const envelope = readEnvelope(headers);
  const handler = handlerOf(envelope.type);
  const { expirytime } = envelope;
  if (expirytime !== undefined && Date.parse(expirytime) <= now)
    throw new ExpiredError(`${envelope.type} was worth handling until ${expirytime}`);
  const packed = isPacked(handler.contract, envelope);
  const payload = packed ? undefined : payloadOf(handler.contract, envelope, body);
  return { handler, envelope, payload, packed };
}

/**
 * The same message with a new copy of the payload: a handler's changes to the former one must not
 * reach the next try. A packed message is unpacked again then.
 */
export const withFreshPayload = (delivery: Delivery, opened: OpenedMessage): OpenedMessage =>
  opened.packed
    ? opened
    : {
        ...opened,
        payload: payloadOf(opened.handler.contract, opened.envelope, delivery.body),
      };

const payloadOf = (
  contract: Contract,
  envelope: Envelope,
  body: Buffer,
  decrypt?: (payload: unknown) => unknown,
): unknown => currentPayload(contract, envelope, decode(contract.name, body), decrypt);

/** Opens the deliveries of a service. */
export class MessageOpener {
  constructor(
    private readonly payloads: PayloadProcessor,
    private readonly clock: { now(): number },
  ) {}

  /** @throws the errors of `openMessage` */
  open(delivery: Delivery): OpenedMessage {
    const { subscription, suspect, body } = delivery;
    return openMessage(
      delivery,
      (type) => {
        const handler = subscription.handlers.get(type);
        if (!handler || handler.missing) throw new NoHandlerError(subscription.name, type);
        return handler;
      },
      this.clock.now(),
      // Parsing a body may end the process, too: a suspect's body is parsed after its handling was
      // recorded.
      (contract, envelope) => suspect === true || this.payloads.isPacked(contract, envelope, body),
    );
  }

  /**
   * Fetches a body from the claim store and decrypts its fields, before the transaction, which must
   * not wait for others. From then on the message has the whole body, so that it is kept whole;
   * personal fields stay encrypted in it.
   * @throws UnreadableError when no try can help, otherwise the error of the claim store or the key
   * store
   */
  async unpack(
    delivery: TrackedDelivery,
    { handler, envelope }: OpenedMessage,
  ): Promise<{ readonly delivery: TrackedDelivery; readonly opened: OpenedMessage }> {
    const { contract } = handler;
    try {
      const { body, decrypt } = await this.payloads.decodeBody(contract, envelope, delivery.body);
      const read = () => payloadOf(contract, envelope, body, decrypt);
      const personal = isEncrypted(contract)
        ? {
            personalTexts: () => sealedTexts(wireForm(contract.payload, read() as never), contract),
          }
        : {};
      return {
        delivery: { ...delivery, body, ...personal },
        opened: { handler, envelope, payload: read(), packed: true },
      };
    } catch (error) {
      if (!isRecoverable(error))
        throw new UnreadableError(`${contract.name} cannot be read`, { cause: error });
      throw error;
    }
  }
}
