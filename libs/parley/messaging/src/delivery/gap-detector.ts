import type { Envelope } from '../message/message';

/** Most publishers remembered; those without a broadcast for longest are forgotten first. */
const PUBLISHERS_AT_MOST = 1_000;

/**
 * The last broadcast number of each contract and publishing instance received here, to notice gaps.
 */
export class GapDetector {
  private readonly last = new Map<string, number>();

  /**
   * Broadcasts of its contract and publisher that never arrived before this one. 0 for the first
   * one received.
   */
  missedBefore({
    producerinstance,
    type,
    sequence,
  }: Pick<Envelope, 'producerinstance' | 'type' | 'sequence'>): number {
    const number = Number(sequence);
    if (!Number.isSafeInteger(number) || number < 1) return 0;
    const publisher = `${producerinstance}\n${type}`;
    const last = this.last.get(publisher);
    this.last.delete(publisher);
    this.last.set(publisher, number);
    if (this.last.size > PUBLISHERS_AT_MOST) this.last.delete(this.last.keys().next().value!);
    // A lower number: the publisher restarted, or the message was overtaken.
    return last === undefined || number <= last ? 0 : number - last - 1;
  }
}
