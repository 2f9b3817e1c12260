import { createHash } from 'node:crypto';
import type { Failure } from '../message/failure';
import type { Headers } from '../message/message';
import type { Decision } from './decision';
import type { ReplayRuns } from './replay-runs';

/**
 * The dead letters of a service, and the decisions of operators about them. A decision takes effect
 * once, also when two operators make it at the same moment. It is recorded together with its
 * change, or neither is.
 */
export interface DeadLetters {
  list(filter?: DeadLetterFilter): Promise<readonly DeadLetter[]>;
  count(filter?: DeadLetterFilter): Promise<number>;
  /** Dead letters by common cause, the largest group first. */
  groups(filter?: DeadLetterFilter): Promise<readonly DeadLetterGroup[]>;
  /** One letter, with the reasons why a replay would not reach its handler. */
  find(id: string): Promise<FoundDeadLetter | undefined>;
  /** Puts it back at its old place in its lane. False when it is not there any more. */
  replay(id: string, by?: Decision): Promise<boolean>;
  /**
   * Gives it another body, and replays it if `replay` is true. The caller must have checked the
   * body.
   */
  edit(id: string, body: Buffer, edit: Edit): Promise<'done' | 'gone' | 'edited meanwhile'>;
  /**
   * Discards it: it counts as handled, and its lane goes on. False when it is not there any more.
   */
  discard(id: string, by: Decision): Promise<boolean>;
  /** Records a decision that was refused. */
  refused(
    id: string,
    by: Decision & Pick<AuditEntry, 'action' | 'outcome' | 'after'>,
  ): Promise<void>;
  /** The decisions, the latest first. */
  audit(filter?: AuditFilter): Promise<readonly AuditEntry[]>;
  /** Replays of many in steps. */
  readonly runs: ReplayRuns;
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
  /** True when later messages of its lane wait for it. */
  readonly holds: boolean;
  /** How often a person changed its body. */
  readonly edits: number;
  /** Names the group of its cause. */
  readonly group: string;
  /** How often it died again after a replay. */
  readonly relapses: number;
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
  /** Those of its letters that died again after a replay. */
  readonly relapsed: number;
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

export interface Edit extends Decision {
  readonly replay?: boolean;
  /** Edits that the editor knew of: an edit made meanwhile is not overwritten. */
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
  /** `canary replay`: a beginning, step or end of a run; `letter` is the one that it had come to. */
  readonly action: 'replay' | 'edit' | 'edit and replay' | 'discard' | 'canary replay';
  readonly letter: string;
  /** `done`, `gone`, the reason of a refusal, or what became of a step. */
  readonly outcome: string;
  readonly subscription?: string;
  readonly contract?: string;
  /** The message at that time, kept for good: the letter itself is gone after a discard. */
  readonly headers?: Headers;
  readonly failure?: Failure;
  readonly before?: Buffer;
  readonly after?: Buffer;
  /** The state of a replayed message, as long as the inbox remembers it. */
  readonly became?: 'handled' | 'waiting' | 'dead again';
}

/** The common cause of a group's letters. */
export interface Cause {
  readonly error: string;
  /** The first line of the error's message, without the ids of this or that order. */
  readonly cause: string;
  readonly contract: string;
}

/** An operator without a name. */
export const UNNAMED_OPERATOR: Decision = { who: 'somebody' };

const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

/**
 * The cause of a letter, by the rule that the SQL of database stores has, too: a group has one name
 * everywhere.
 */
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
