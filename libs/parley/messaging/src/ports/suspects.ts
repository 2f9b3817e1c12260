import type { UnfinishedHandling } from '../message/failure';

/**
 * The handlings of suspects: messages that were delivered before and came back without an outcome,
 * because a process ended or lost its lease. Only these are counted, so that a message nobody
 * suspects costs no statement.
 */
export interface Suspects {
  /** Records that a handling begins. */
  begin(subscription: string, messageId: string, instance: string): Promise<void>;
  /** The handlings that began and were not ended, the oldest first. */
  unfinished(subscription: string, messageId: string): Promise<readonly UnfinishedHandling[]>;
  /** Forgets the message: its handling had an outcome. */
  end(subscription: string, messageId: string): Promise<void>;
  /**
   * Records who reads a part of a log. True: its former reader did not hand it back, so what
   * follows may have ended that one's process.
   */
  take(subscription: string, part: string, reader: string): Promise<boolean>;
  /** The parts' reader is done with them; those that somebody else took meanwhile stay taken. */
  handBack(subscription: string, parts: readonly string[], reader: string): Promise<void>;
}
