import type { Decision } from './decision';
import { UnrecoverableError } from '../message/failure';

/**
 * The key of one subject. It is made when the first personal field about the subject is sent, and
 * stays in one place: destroying it there makes all personal data about the subject unreadable, in
 * every store and log (crypto-shredding).
 */
export interface SubjectKey {
  readonly id: string;
  /** 32 bytes; undefined when the subject was erased. */
  readonly secret?: Buffer;
}

/**
 * The keys of an installation's subjects. All services that send or handle personal fields read the
 * same store. An erased subject never gets another key, so that messages still under way cannot
 * bring it back.
 */
export interface SubjectKeys {
  connect(): Promise<void>;
  /**
   * Keys by subject. Missing ones are made, one per subject also for concurrent callers. Committed
   * when it resolves.
   */
  of(subjects: readonly string[]): Promise<ReadonlyMap<string, SubjectKey>>;
  /**
   * The key of secrets with a life of `life` milliseconds. A new key begins after each such span,
   * the same for all services; it is destroyed after twice that span, by the clock of the key
   * store.
   */
  current(life: number): Promise<SubjectKey>;
  /** Keys by id; ids that were never made here are left out. */
  byId(ids: readonly string[]): Promise<ReadonlyMap<string, SubjectKey>>;
  /** Destroys the key and records the operator and the reason. */
  erase(subject: string, by: Decision): Promise<'erased' | 'erased before' | 'unknown'>;
  find(subject: string): Promise<SubjectRecord | undefined>;
  close(): Promise<void>;
}

export interface SubjectRecord {
  readonly since: Date;
  readonly erased?: Decision & { readonly at: Date };
}

/** A field was encrypted with a key that is not in the key store of this service. */
export class UnknownKeyError extends Error {
  override readonly name = 'UnknownKeyError';
  constructor(contract: string, id: string) {
    super(
      `${contract}: its personal or secret fields are encrypted with the key ${id}, which is in no key store that is read here; set KEYS_URL to the sender's`,
    );
  }
}

/**
 * A command holds a secret whose key was destroyed after its time: it cannot be handled any more.
 * Send it again.
 */
export class SecretExpiredError extends UnrecoverableError {
  override readonly name = 'SecretExpiredError';
  constructor(contract: string, path: string) {
    super(
      `${contract}: the secret ${path} has expired, its key is destroyed; send it again with a new one`,
    );
  }
}

/** A contract has personal or secret fields, and the service has no key store. */
export class NoSubjectKeysError extends Error {
  override readonly name = 'NoSubjectKeysError';
  constructor(contract: string) {
    super(
      `${contract} has personal or secret fields, but this service reads no key store; set KEYS_URL, or give MessagingModule a store`,
    );
  }
}
