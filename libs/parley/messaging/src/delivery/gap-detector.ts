import type { Clock } from '../clock';
import type { Envelope } from '../message/message';

/** Most publishers remembered; those without a broadcast for longest are forgotten first. */
const PUBLISHERS_AT_MOST = 1_000;
/** Most gaps that may still be filled; when there are more, the oldest counts. */
const OPEN_AT_MOST = 1_000;
/** Milliseconds that a broadcast may come after a later one. */
export const LATE_AT_MOST_MS = 10_000;

type Numbered = Pick<Envelope, 'producerinstance' | 'type' | 'sequence' | 'time'>;

/** Broadcasts of a contract that one publisher sent and that never arrived here. */
export interface Missed extends Pick<Envelope, 'producerinstance' | 'type'> {
  readonly count: number;
}

interface Gap extends Pick<Envelope, 'producerinstance' | 'type'> {
  readonly from: number;
  readonly to: number;
  readonly since: number;
  /** Numbers that came late. */
  readonly late: Set<number>;
}

/**
 * The last broadcast number of each contract and publishing instance received here, to notice gaps.
 * A broadcast may be overtaken: a gap counts LATE_AT_MOST_MS after it was seen, with the numbers
 * that have not come by then. One that comes still later stays counted, and changes nothing.
 */
export class GapDetector {
  private readonly last = new Map<string, { readonly number: number; readonly time: number }>();
  /** The oldest first. */
  private readonly open = new Set<Gap>();

  constructor(private readonly clock: Pick<Clock, 'elapsed'>) {}

  /** What counts as missed when this broadcast arrives, of this publisher and of others. */
  arrived(broadcast: Numbered): readonly Missed[] {
    const overdue = this.counted([...this.overdue()]);
    return [...overdue, ...this.counted(this.noted(broadcast))];
  }

  private *overdue(): Generator<Gap> {
    const seenBefore = this.clock.elapsed() - LATE_AT_MOST_MS;
    for (const gap of this.open) {
      if (gap.since > seenBefore) return;
      yield gap;
    }
  }

  /** The gaps that this broadcast closes unfilled. */
  private noted(broadcast: Numbered): readonly Gap[] {
    const number = Number(broadcast.sequence);
    if (!Number.isSafeInteger(number) || number < 1) return [];
    const publisher = `${broadcast.producerinstance}\n${broadcast.type}`;
    const time = Date.parse(broadcast.time);
    const last = this.last.get(publisher);
    const isNewer = last === undefined || number > last.number;
    // A publisher that began again counts from 1, and its clock has gone on.
    const beganAgain = !isNewer && time > last.time;
    this.last.delete(publisher);
    this.last.set(publisher, isNewer || beganAgain ? { number, time } : last);
    if (this.last.size > PUBLISHERS_AT_MOST) this.last.delete(this.last.keys().next().value!);
    if (beganAgain) return [...this.open].filter((gap) => isOf(broadcast, gap));
    if (!isNewer) this.fill(broadcast, number);
    else if (last && number > last.number + 1)
      return this.see(broadcast, last.number + 1, number - 1);
    return [];
  }

  private see({ producerinstance, type }: Numbered, from: number, to: number): readonly Gap[] {
    const since = this.clock.elapsed();
    this.open.add({ producerinstance, type, from, to, since, late: new Set() });
    return this.open.size > OPEN_AT_MOST ? [this.open.values().next().value!] : [];
  }

  private fill(broadcast: Numbered, number: number): void {
    for (const gap of this.open) {
      if (!isOf(broadcast, gap) || number < gap.from || number > gap.to) continue;
      gap.late.add(number);
      if (missing(gap) === 0) this.open.delete(gap);
    }
  }

  private counted(gaps: readonly Gap[]): readonly Missed[] {
    for (const gap of gaps) this.open.delete(gap);
    return gaps.map((gap) => ({
      producerinstance: gap.producerinstance,
      type: gap.type,
      count: missing(gap),
    }));
  }
}

const isOf = ({ producerinstance, type }: Numbered, gap: Gap): boolean =>
  gap.producerinstance === producerinstance && gap.type === type;

const missing = ({ from, to, late }: Gap): number => to - from + 1 - late.size;
