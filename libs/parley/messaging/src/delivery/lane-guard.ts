import { LaneParkedError } from '../message/failure';
import type { Delivery } from '../ports/delivery';
import type { Store } from '../ports/store';
import type { Tx } from '../ports/tx';
import type { BatchItem, OpenedMessage } from './open-message';
import { ParkedLanes } from './parked-lane-cache';
import { parkable } from './tracked-delivery';

/**
 * Keeps the order of a key: a message waits while an earlier one of its lane is parked in the
 * service's store. Transports that retry by themselves keep that order themselves.
 */
export class LaneGuard {
  private readonly parked = new ParkedLanes();

  constructor(private readonly store: Store | undefined) {}

  /**
   * True when the lane must be checked before the handler runs. Where the acknowledgement checks
   * it, only lanes that are known to be parked are: the check costs a statement a message.
   */
  mustCheck(delivery: Delivery, opened: OpenedMessage): boolean {
    if (!hasLane(delivery, opened)) return false;
    return !delivery.acknowledgeInTransaction || this.isKnownParked(delivery, opened);
  }

  isKnownParked({ subscription }: Delivery, { envelope }: OpenedMessage): boolean {
    const key = envelope.partitionkey;
    return key !== undefined && this.parked.has(subscription.name, key);
  }

  /**
   * Parks the message behind its lane if the lane is parked.
   * @throws LaneParkedError then: the message is rolled back, and waits with its lane
   */
  async assertFree(
    tx: Tx | undefined,
    delivery: Delivery,
    { envelope }: OpenedMessage,
  ): Promise<void> {
    if (await this.store!.lanes.parkIfLaneBlocked(tx, parkable(delivery, envelope)))
      throw new LaneParkedError(`${envelope.type} waits behind a failed message of its key`);
    this.parked.delete(delivery.subscription.name, envelope.partitionkey!);
  }

  /** The same for a batch, in one statement. @throws LaneParkedError when one of them has to wait */
  async assertAllFree(tx: Tx, items: readonly BatchItem[]): Promise<void> {
    const kept = items.filter(({ delivery, opened }) => this.mustCheck(delivery, opened));
    if (kept.length === 0) return;
    const messages = kept.map(({ delivery, opened }) => parkable(delivery, opened.envelope));
    if (await this.store!.lanes.isAnyBlocked(tx, messages))
      throw new LaneParkedError(`one of ${items.length} messages waits behind a failed one`);
  }

  /** Remembers that the lane is parked in the service's store. */
  noteParked({ subscription, headers }: Delivery): void {
    if (headers.partitionkey !== undefined)
      this.parked.add(subscription.name, headers.partitionkey);
  }
}

/**
 * True when a parked lane of the message would be in the service's store. A transport that retries
 * keeps its lanes itself.
 */
export const hasLane = ({ supports }: Delivery, { envelope }: OpenedMessage): boolean =>
  envelope.partitionkey !== undefined && !supports.retry;
