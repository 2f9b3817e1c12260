import type { Contract } from '@parley/contract';
import { OutageError } from './outage';
import { UnpublishableError } from './publish-errors';
import type { Installation } from './installation';
import type { Tx } from './tx';

/**
 * A body kept outside of its message, which carries only `dataref`, the CloudEvents extension for
 * it.
 */
export interface Claim {
  /** The message's id. */
  readonly id: string;
  readonly body: Buffer;
}

/**
 * Claim-check store for bodies above the technology's limit. Sender and receivers of such messages
 * need the same one. Bodies are kept for the store's retention, whether they were fetched or not:
 * an event is fetched by every subscription.
 */
export interface ClaimStore {
  /** Without credentials. */
  readonly address: string;
  /**
   * Rejects with one sentence that names the remedy. From then on deletes expired bodies every
   * hour.
   */
  connect(): Promise<void>;
  /** True when `store` commits to the very database that keeps the bodies. */
  sharesDatabaseWith(store: Installation): Promise<boolean>;
  /**
   * Stores bodies: as part of `tx` if given, else durably when it resolves. Storing the same id
   * again has no effect.
   */
  put(claims: readonly Claim[], tx?: Tx): Promise<void>;
  /** The body, or undefined when there is none of this id, or it expired. */
  get(id: string): Promise<Buffer | undefined>;
  close(): Promise<void>;
}

/**
 * Days for which claims are kept unless their URL says otherwise (`?days=90`): longer than any
 * queue keeps its messages.
 */
export const CLAIM_DAYS = 35;

/**
 * Days that a claim store's URL asks for. Default CLAIM_DAYS.
 * @throws Error when `days` is not a number above 0
 */
export function claimDays(url: string): number {
  const asked = new URL(url).searchParams.get('days');
  const days = asked === null ? CLAIM_DAYS : Number(asked);
  if (Number.isFinite(days) && days > 0) return days;
  throw new Error(`days is "${asked}", but must be a number above 0, such as ?days=90`);
}

/** A body is larger than its technology accepts, and the service has no claim store. */
export class BodyTooLargeError extends UnpublishableError {
  override readonly name = 'BodyTooLargeError';
  constructor(
    readonly contract: string,
    /** Bytes. */
    readonly size: number,
    readonly limit: number,
    technology: string,
  ) {
    super(
      `${contract}: a body of ${size} bytes is too large for ${technology}, which takes ${limit}; set CLAIMS_URL to where such bodies can wait, or send less`,
    );
  }
}

/** The claim store does not take or give bodies for now. */
export class ClaimsAwayError extends OutageError {
  override readonly name = 'ClaimsAwayError';
  /** A body that was stored all the same does no harm: no message names it. */
  override readonly effect = 'none';
}

/** The body of a message is not in the claim store. */
export class ClaimMissingError extends Error {
  override readonly name = 'ClaimMissingError';
  constructor(contract: Pick<Contract, 'name'>, reference: string, where: string | undefined) {
    const place =
      where === undefined
        ? 'this service has no claim store; set CLAIMS_URL to the one of the sender'
        : `${where} has none of that name, or no more; is CLAIMS_URL the one of the sender?`;
    super(`${contract.name}: its body waits elsewhere, as ${reference}, but ${place}`);
  }
}

const REFERENCE = /^urn:uuid:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;

/** The reference names a body, not a place: the receiver chooses the store, never the sender. */
export const referenceTo = (id: string): string => `urn:uuid:${id}`;

export const idOfReference = (reference: string): string | undefined =>
  REFERENCE.exec(reference)?.[1]?.toLowerCase();
