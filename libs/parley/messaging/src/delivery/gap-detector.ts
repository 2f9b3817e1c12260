import type { Envelope } from '../message/message';

/** Publishers come and go; those not heard of for longest are forgotten first. */
const PUBLISHERS_AT_MOST = 1_000;

/** What each publishing instance's broadcasts were last numbered here, so that a gap is noticed. */
export class GapDetector {
  private readonly last = new Map<string, number>();

  /**
   * How many broadcasts of its contract and publisher never arrived before this one. 0 for the
   * first that is heard.
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
    // A number that is not higher: the publisher began again, or this one took a longer way.
    return last === undefined || number <= last ? 0 : number - last - 1;
  }
}
