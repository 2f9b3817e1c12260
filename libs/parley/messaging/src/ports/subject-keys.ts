import type { Decision } from './dead-letters';
import { UnrecoverableError } from '../message/failure';

/**
 * The key of one subject. It is made the first time something personal is said of the subject, and
 * stays in one place: who throws it away there makes everything that was said of the subject
 * unreadable, wherever it lies.
 */
export interface SubjectKey {
  readonly id: string;
  /** 32 bytes; undefined: the subject was erased. */
  readonly secret?: Buffer;
}

/**
 * The keys of an installation's subjects. Every service that says or handles something personal
 * reads the same ones. An erased subject stays erased: it never gets another key, so that what is
 * still under way cannot bring it back.
 */
export interface SubjectKeys {
  connect(): Promise<void>;
  /**
   * By subject; made where missing, once, whoever asks at the same time. Committed when it
   * resolves.
   */
  of(subjects: readonly string[]): Promise<ReadonlyMap<string, SubjectKey>>;
  /**
   * The key of secrets that live so many milliseconds; another one after each such time, the same
   * for all services. It is destroyed after twice that time, by the clock of where keys are kept.
   */
  current(life: number): Promise<SubjectKey>;
  /** By id; those that were never made here are not among them. */
  byId(ids: readonly string[]): Promise<ReadonlyMap<string, SubjectKey>>;
  /** Throws the key away and writes down who did and why. */
  erase(subject: string, by: Decision): Promise<'erased' | 'erased before' | 'unknown'>;
  find(subject: string): Promise<SubjectRecord | undefined>;
  close(): Promise<void>;
}

export interface SubjectRecord {
  readonly since: Date;
  readonly erased?: Decision & { readonly at: Date };
}

/** A field was encrypted with a key that is not among those this service reads. */
export class UnknownKeyError extends Error {
  override readonly name = 'UnknownKeyError';
  constructor(contract: string, id: string) {
    super(
      `${contract}: its personal or secret fields are encrypted with the key ${id}, which is in no key store that is read here; set KEYS_URL to the sender's`,
    );
  }
}

/**
 * A command holds a secret whose key was destroyed after its time: nobody can handle it any more.
 * Say it again.
 */
export class SecretExpiredError extends UnrecoverableError {
  override readonly name = 'SecretExpiredError';
  constructor(contract: string, path: string) {
    super(
      `${contract}: the secret ${path} has expired, its key is destroyed; say it again with a new one`,
    );
  }
}

/**
 * A contract has personal or secret fields, and there is nothing to keep the keys of its subjects
 * in.
 */
export class NoSubjectKeysError extends Error {
  override readonly name = 'NoSubjectKeysError';
  constructor(contract: string) {
    super(
      `${contract} has personal or secret fields, but this service reads no key store; set KEYS_URL, or give MessagingModule a store`,
    );
  }
}
