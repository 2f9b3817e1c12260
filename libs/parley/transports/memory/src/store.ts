import { randomUUID } from 'node:crypto';
import { type Store } from '@parley/messaging';
import { systemClock, type Clock, type Inbox } from '@parley/messaging/transport';
import { MemoryClaimStore } from './claim-store';
import { MemoryDatabase } from './database';
import { MemoryIdempotencyStore } from './idempotency-store';
import { MemoryLanes } from './lanes';
import { MemoryOutbox } from './outbox';
import { MemoryStreamPositions } from './stream-positions';
import { MemorySubjectKeys } from './subject-keys';
import { MemorySuspects } from './suspects';

/**
 * A store in memory, for tests and simulation. It stands for the database, not for a connection:
 * give the instances of a service the same one.
 */
export class MemoryStore extends MemoryDatabase implements Store {
  readonly technology = 'memory';
  readonly outbox: MemoryOutbox;
  readonly inbox: Inbox;
  readonly lanes: MemoryLanes;
  readonly streamPositions: MemoryStreamPositions;
  readonly suspects: MemorySuspects;
  readonly idempotency: MemoryIdempotencyStore;
  readonly subjectKeys: MemorySubjectKeys;
  readonly claims: MemoryClaimStore;
  private readonly id = `memory:${randomUUID()}`;

  /**
   * `window`: milliseconds for which the inbox keeps the ids of handled messages. Default 7 days.
   */
  constructor(clock: Clock = systemClock, window?: number) {
    super(clock, window);
    this.outbox = new MemoryOutbox(this);
    this.streamPositions = new MemoryStreamPositions(clock);
    this.suspects = new MemorySuspects(clock);
    this.lanes = new MemoryLanes(this);
    this.subjectKeys = new MemorySubjectKeys(clock);
    this.claims = new MemoryClaimStore(clock, this);
    this.idempotency = new MemoryIdempotencyStore(this);
    this.inbox = {
      record: async (tx, subscription, messageId, print) =>
        !this.lanes.keeps(subscription, messageId, print) &&
        this.handle(tx, subscription, messageId, print),
      recordAll: async (tx, subscription, messages) => {
        for (const { id, print } of messages)
          if (!(await this.inbox.record(tx, subscription, id, print))) return false;
        return true;
      },
    };
  }

  async connect(): Promise<void> {}
  async close(): Promise<void> {}

  async installation(): Promise<string> {
    return this.id;
  }

  /** Describes work in progress and work that is due now; empty when the store is idle. */
  unsettled(): readonly string[] {
    const turns = this.waitingTurns > 0 ? [`${this.waitingTurns} transactions`] : [];
    return [...turns, ...this.outbox.unsettled(), ...this.lanes.unsettled()];
  }
}
