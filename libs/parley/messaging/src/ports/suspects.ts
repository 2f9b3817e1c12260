import type { UnfinishedHandling } from '../message/failure';

/**
 * The handlings of suspects: messages that were delivered before and came back without an outcome,
 * because a process ended or lost its lease. Only these are counted, so that other messages cost no
 * statement.
 */
export interface Suspects {
  /** Records that a handling begins. */
  begin(subscription: string, messageId: string, instance: string): Promise<void>;
  /** Handlings that began and did not end, the oldest first. */
  unfinished(subscription: string, messageId: string): Promise<readonly UnfinishedHandling[]>;
  /** Forgets the message: its handling had an outcome. */
  end(subscription: string, messageId: string): Promise<void>;
  /**
   * Records the reader of a part of a log. True: its former reader did not hand it back, so one of
   * the next messages may have ended that reader's process.
   */
  take(subscription: string, part: string, reader: string): Promise<boolean>;
  /** Hands the parts back; parts that another reader took meanwhile stay taken. */
  handBack(subscription: string, parts: readonly string[], reader: string): Promise<void>;
}
