import type { Contract, Personal } from '@parley/contract';
import {
  ClaimMissingError,
  idOfReference,
  referenceTo,
  BodyTooLargeError,
  type ClaimStore,
} from '../ports/claim-store';
import { decode, encode, InvalidMessageError } from '../message/codec';
import { MAX_INDEXED_CHARACTERS } from '../message/envelope-limits';
import type { SubjectKeyCache } from './subject-key-cache';
import type { Envelope, OutgoingMessage } from '../message/message';
import {
  isEncrypted,
  keyIdsOf,
  masked,
  encryptFields,
  unmasked,
  decryptFields,
} from './field-encryption';
import type { Store } from '../ports/store';
import type { Tx } from '../ports/tx';
import { NoSubjectKeysError, UnknownKeyError, type SubjectKey } from '../ports/subject-keys';
import type { Transport } from '../ports/transport';

/** A complete body, and the keys of its encrypted fields. */
export interface DecodedBody {
  /** Personal and secret fields in it are still encrypted. */
  readonly body: Buffer;
  /** Decrypts a payload read from it, which is changed. */
  decrypt(payload: unknown): unknown;
}

type Carrier = Pick<Transport, 'technology' | 'maxBodyBytes'>;

/**
 * Converts between a payload and the body that travels: encrypts personal and secret fields, and
 * moves large bodies into the claim store. Nearly all messages need neither and pass untouched.
 */
export class PayloadProcessor {
  /** True when the service's own transactions store claims. Decided at start. */
  private claimsJoin = false;

  constructor(
    private readonly ring: SubjectKeyCache | undefined,
    private readonly claims: ClaimStore | undefined,
  ) {}

  async connect(store: Store | undefined): Promise<void> {
    await Promise.all([this.ring?.keys.connect(), this.claims?.connect()]);
    this.claimsJoin =
      store !== undefined && (await this.claims?.sharesDatabaseWith(store)) === true;
  }

  async close(): Promise<void> {
    await Promise.all([this.ring?.keys.close(), this.claims?.close()]);
  }

  /**
   * Refuses a message that could not be sent, before its transaction goes on. It also fetches the
   * subject's key, so that the end of a transaction need not wait for it.
   * @throws BodyTooLargeError, NoSubjectKeysError, InvalidMessageError when the subject is too long
   * to be looked up
   */
  assertSendable({ contract, body }: OutgoingMessage, carrier: Carrier): void {
    if (!this.claims) this.refuseTooLarge(contract, body, carrier);
    for (const key of this.keysOf(contract, body))
      if (key instanceof Promise) key.catch(() => undefined);
  }

  /**
   * Messages with the bodies that travel. With `tx`, claims are stored by that transaction where
   * possible.
   */
  async encodeBody(
    messages: readonly OutgoingMessage[],
    carrierOf: (contract: Contract) => Carrier,
    tx?: Tx,
  ): Promise<readonly OutgoingMessage[]> {
    const isLarge = ({ contract, body }: OutgoingMessage) =>
      body.length > (carrierOf(contract).maxBodyBytes ?? Infinity);
    const plain = messages.every((message) => !isEncrypted(message.contract))
      ? messages
      : await Promise.all(messages.map((message) => this.sealed(message)));
    if (!plain.some(isLarge)) return plain;
    const large = plain.filter(isLarge);
    if (!this.claims)
      for (const { contract, body } of large)
        this.refuseTooLarge(contract, body, carrierOf(contract));
    await this.claims!.put(
      large.map(({ envelope: { id }, body }) => ({ id, body })),
      this.claimsJoin ? tx : undefined,
    );
    return plain.map((message) => (isLarge(message) ? checkedIn(message) : message));
  }

  /** True when a body must be unpacked before it can be read. */
  isPacked(contract: Contract, { dataref }: Envelope, body: Buffer): boolean {
    return isEncrypted(contract) || (dataref !== undefined && body.length === 0);
  }

  /**
   * @throws ClaimMissingError, UnknownKeyError, errors of the claim store or the key store: trying
   * again may help; InvalidMessageError: it cannot
   */
  async decodeBody(
    contract: Contract,
    envelope: Envelope,
    delivered: Buffer,
  ): Promise<DecodedBody> {
    const body = await this.whole(contract, envelope, delivered);
    if (!isEncrypted(contract)) return { body, decrypt: (payload) => payload };
    const keys = await this.keysFor(contract, decode(contract.name, body));
    return {
      body,
      decrypt: (payload) => decryptFields(payload, contract, envelope, (id) => keys.get(id)!),
    };
  }

  /** A complete and decrypted body: to be checked, not to be shown. */
  async opened(contract: Contract, envelope: Envelope, kept: Buffer): Promise<Buffer> {
    if (!this.isPacked(contract, envelope, kept)) return kept;
    const { body, decrypt } = await this.decodeBody(contract, envelope, kept);
    return isEncrypted(contract) ? encode(decrypt(decode(contract.name, body))) : body;
  }

  /**
   * A body as people may see it: personal and secret fields are masked. A body that is not JSON
   * stays as it is.
   */
  masked(contract: Contract, body: Buffer): Buffer {
    return isEncrypted(contract)
      ? changed(contract, body, (payload) => masked(payload, contract))
      : body;
  }

  /** An edited body, with the masked fields put back from the original. */
  unmasked(contract: Contract, edited: Buffer, original: Buffer): Buffer {
    return isEncrypted(contract)
      ? changed(contract, edited, (payload) =>
          unmasked(payload, decode(contract.name, original), contract),
        )
      : edited;
  }

  /** The message with its personal and secret fields encrypted. */
  async sealed(message: OutgoingMessage): Promise<OutgoingMessage> {
    const { contract, envelope, body } = message;
    if (!isEncrypted(contract)) return message;
    const payload = decode(contract.name, body);
    const { personal, secret } = contract;
    if (personal)
      encryptFields(
        payload,
        personal.fields,
        envelope,
        await this.ringFor(contract).of(subjectOf(personal, payload)),
      );
    if (secret)
      encryptFields(
        payload,
        secret.fields,
        envelope,
        await this.ringFor(contract).current(secret.life),
      );
    return { ...message, body: encode(payload) };
  }

  private keysOf(contract: Contract, body: Buffer): readonly (SubjectKey | Promise<SubjectKey>)[] {
    const { name, personal, secret } = contract;
    return [
      ...(personal
        ? [this.ringFor(contract).of(shortSubject(name, personal, decode(name, body)))]
        : []),
      ...(secret ? [this.ringFor(contract).current(secret.life)] : []),
    ];
  }

  private async whole(contract: Contract, { dataref }: Envelope, body: Buffer): Promise<Buffer> {
    if (dataref === undefined || body.length > 0) return body;
    const id = idOfReference(dataref);
    if (id === undefined)
      throw new InvalidMessageError(contract.name, [
        { path: 'dataref', message: 'is not urn:uuid:…, the name of a body in a claim store' },
      ]);
    const found = await this.claims?.get(id);
    if (!found) throw new ClaimMissingError(contract, dataref, this.claims?.address);
    return found;
  }

  private async keysFor(
    contract: Contract,
    payload: unknown,
  ): Promise<ReadonlyMap<string, SubjectKey>> {
    const ids = keyIdsOf(payload);
    const found = await Promise.all(ids.map((id) => this.ringFor(contract).byId(id)));
    return new Map(ids.map((id, place) => [id, found[place] ?? unknown(contract, id)]));
  }

  private ringFor({ name }: Contract): SubjectKeyCache {
    if (!this.ring) throw new NoSubjectKeysError(name);
    return this.ring;
  }

  private refuseTooLarge(
    { name }: Contract,
    { length }: Buffer,
    { maxBodyBytes: largest, technology }: Carrier,
  ): void {
    if (largest !== undefined && length > largest)
      throw new BodyTooLargeError(name, length, largest, technology);
  }
}

function checkedIn(message: OutgoingMessage): OutgoingMessage {
  return {
    ...message,
    envelope: { ...message.envelope, dataref: referenceTo(message.envelope.id) },
    body: Buffer.alloc(0),
  };
}

const subjectOf = ({ subject }: Personal, payload: unknown): string =>
  String((payload as Record<string, unknown>)[subject]);

function shortSubject(contract: string, personal: Personal, payload: unknown): string {
  const subject = subjectOf(personal, payload);
  if (subject.length <= MAX_INDEXED_CHARACTERS) return subject;
  throw new InvalidMessageError(contract, [
    {
      path: personal.subject,
      message: `names a person, and is longer than ${MAX_INDEXED_CHARACTERS} characters`,
    },
  ]);
}

function changed(contract: Contract, body: Buffer, change: (payload: unknown) => unknown): Buffer {
  try {
    return encode(change(decode(contract.name, body)));
  } catch (error) {
    if (error instanceof InvalidMessageError) return body;
    throw error;
  }
}

function unknown({ name }: Contract, id: string): never {
  throw new UnknownKeyError(name, id);
}
