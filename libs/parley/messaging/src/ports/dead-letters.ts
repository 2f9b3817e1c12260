import { createHash } from 'node:crypto';
import type { Failure } from '../message/failure';
import type { Headers } from '../message/message';

/**
 * The messages of a service that no handling helped, and what people do about them. Whatever is
 * done is done once, also when two people do it at the same moment, and is written down together
 * with what it changes, or not at all.
 */
export interface DeadLetters {
  list(filter?: DeadLetterFilter): Promise<readonly DeadLetter[]>;
  count(filter?: DeadLetterFilter): Promise<number>;
  /** Those that died of one cause together, the largest group first. */
  groups(filter?: DeadLetterFilter): Promise<readonly DeadLetterGroup[]>;
  /** One letter, and what stands between it and its handler. */
  find(id: string): Promise<FoundDeadLetter | undefined>;
  /** Puts it back at the place in its lane it had. False when it is not there any more. */
  replay(id: string, by?: Decision): Promise<boolean>;
  /**
   * Gives it another body, and puts it back if told to. Whether the body is any good is the
   * caller's to know.
   */
  edit(id: string, body: Buffer, edit: Edit): Promise<'done' | 'gone' | 'edited meanwhile'>;
  /**
   * Throws it away: it counts as handled, and its lane goes on. False when it is not there any
   * more.
   */
  discard(id: string, by: Decision): Promise<boolean>;
  /** Writes down what was asked for and not done. */
  refused(
    id: string,
    by: Decision & Pick<AuditEntry, 'action' | 'outcome' | 'after'>,
  ): Promise<void>;
  /** What was done, the latest first. */
  audit(filter?: AuditFilter): Promise<readonly AuditEntry[]>;
}

export interface DeadLetter {
  /** A number: later letters have greater ones. */
  readonly id: string;
  readonly subscription: string;
  readonly headers: Headers;
  readonly body: Buffer;
  readonly attempts: number;
  readonly failure: Failure;
  readonly died: Date;
  /** Whether later messages of its lane wait for it. */
  readonly holds: boolean;
  /** How often a person changed its body. */
  readonly edits: number;
  /** Names the group of its cause. */
  readonly group: string;
}

export interface DeadLetterFilter {
  readonly subscription?: string;
  readonly contract?: string;
  /** The error's class. */
  readonly error?: string;
  readonly group?: string;
  /** When it died. */
  readonly from?: Date;
  readonly to?: Date;
  /** None later than this one. */
  readonly upTo?: string;
  readonly limit?: number;
  /** Default: the oldest first. */
  readonly newest?: boolean;
}

export interface DeadLetterGroup extends Cause {
  readonly group: string;
  readonly count: number;
  readonly subscriptions: readonly string[];
  readonly first: Date;
  readonly last: Date;
}

export interface FoundDeadLetter extends DeadLetter {
  /** The inbox has it: a replay would take no effect. */
  readonly handledBefore: boolean;
  /** Messages of its lane that come after it. */
  readonly waiting: number;
  /** Another letter that its lane waits for. */
  readonly heldBy?: string;
}

/** Who decides, and why. */
export interface Decision {
  readonly who: string;
  readonly reason?: string;
}

export interface Edit extends Decision {
  readonly replay?: boolean;
  /** How many edits the editor knew of: somebody else's is not overwritten. */
  readonly edits?: number;
}

export interface AuditFilter {
  /** A letter's id. */
  readonly letter?: string;
  readonly who?: string;
  readonly limit?: number;
}

export interface AuditEntry extends Decision {
  readonly at: Date;
  readonly action: 'replay' | 'edit' | 'edit and replay' | 'discard';
  readonly letter: string;
  /** `done`, `gone`, or why not. */
  readonly outcome: string;
  readonly subscription?: string;
  readonly contract?: string;
  /** What was known of the message then, for good: the letter itself is gone after a discard. */
  readonly headers?: Headers;
  readonly failure?: Failure;
  readonly before?: Buffer;
  readonly after?: Buffer;
  /** What became of a replayed message, as far as the inbox remembers. */
  readonly became?: 'handled' | 'waiting' | 'dead again';
}

/** What letters of one group have in common. */
export interface Cause {
  readonly error: string;
  /** The first line of the error's message, without the ids of this or that order. */
  readonly cause: string;
  readonly contract: string;
}

/** Nobody in particular. */
export const UNNAMED_OPERATOR: Decision = { who: 'somebody' };

const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

/** As the SQL of stores in a database reads it, too: a group has one name everywhere. */
export function causeOf({
  headers,
  failure,
}: Pick<DeadLetter, 'headers' | 'failure'>): Cause & { readonly group: string } {
  const [line = ''] = failure.message.split('\n', 1);
  const cause = {
    error: failure.error,
    cause: line.replace(UUID, '…'),
    contract: headers.type ?? '',
  };
  return {
    ...cause,
    group: createHash('md5')
      .update(`${cause.error}\n${cause.cause}\n${cause.contract}`)
      .digest('hex')
      .slice(0, 8),
  };
}
