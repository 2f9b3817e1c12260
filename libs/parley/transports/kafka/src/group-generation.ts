import type { KeyedExecutor } from '@parley/messaging/transport';
import { setMaxListeners } from 'node:events';
import { AssignedPartition } from './assigned-partition';

/**
 * One generation of the group, from a join to the next: the assigned partitions and their
 * unfinished messages.
 */
export class GroupGeneration {
  readonly partitions = new Map<string, AssignedPartition>();
  private readonly end = new AbortController();
  /** No further message may be started. */
  leaving = false;
  /** Its positions may not be committed any more: other members own the partitions. */
  over = false;

  constructor(readonly lanes: KeyedExecutor) {
    setMaxListeners(0, this.end.signal);
  }

  get signal(): AbortSignal {
    return this.end.signal;
  }

  /** @param from the offset to read next, of a partition that is new here */
  partitionOf(topic: string, partition: number, from: number): AssignedPartition {
    const known = this.partitions.get(`${topic}/${partition}`);
    if (known) return known;
    const assigned = new AssignedPartition(topic, partition, from);
    this.partitions.set(assigned.name, assigned);
    return assigned;
  }

  leave(): void {
    this.leaving = true;
    this.lanes.clear();
  }

  abandon(why: string): void {
    this.leave();
    this.end.abort(new Error(why));
  }
}
