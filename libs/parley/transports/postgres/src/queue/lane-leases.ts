import type { Failure, Outcome } from '@parley/messaging/transport';
import type { Database, Statement } from '../connection/database';
import { newToken, READ_AHEAD } from '../cloudevents';

/** A message read from a leased lane. */
export interface Leased {
  readonly lane: string;
  /** Counted deliveries of the lane's first message, this one included. */
  readonly attempts: number;
  readonly failure: string | null;
  readonly id: string;
  readonly message_id: string;
  readonly headers: Buffer;
  /** Null if it is too large to be prefetched. */
  readonly body: Buffer | null;
}

/** A lane leased by this process, with its first messages in order. */
export interface Lane {
  readonly id: string;
  readonly messages: readonly Leased[];
  readonly lost: AbortController;
  /** It was returned without an outcome, and is leased with only its first message. */
  readonly suspect: boolean;
}

/** Messages read per lane and claim. */
const DEPTH = 10;
const LOWEST_LANE = '-9223372036854775808';
/**
 * Interval at which lanes without a key are scanned from the oldest on again: other instances may
 * have returned lanes that this scan had passed.
 */
const OLDEST_LOOK_INTERVAL_MS = 1_000;

export const isKeyed = (lane: string): boolean => lane.startsWith('-');

/** The lanes of one queue that this process has leased. */
export class LaneLeases {
  /** Identifies this consumer in the database; its lanes can be changed only with this token. */
  readonly token = newToken();
  private readonly held = new Map<string, Lane>();
  private through: string[] = [];
  private cursor = LOWEST_LANE;
  /** Lanes without a key up to this id are known to be held. */
  private beyond = '0';
  private oldestAt = -Infinity;
  /**
   * The last claim stopped early behind many lanes of other instances: there may be more to lease.
   */
  brokenOff = false;
  private renewedAt = 0;

  constructor(
    private readonly database: Database,
    readonly queue: number,
    /**
     * Milliseconds until a lane can be leased by another instance if its holder does not renew it.
     */
    private readonly lease: number,
  ) {}

  get size(): number {
    return this.held.size;
  }

  /** Finished lanes that are not released yet. */
  get unreleased(): number {
    return this.through.length;
  }

  lanes(): readonly Lane[] {
    return [...this.held.values()];
  }

  /**
   * Releases finished lanes and leases up to about `wanted` others, in one round trip. `now`: of a
   * clock that never jumps.
   */
  async claim(wanted: number, now = performance.now()): Promise<Lane[]> {
    if (now - this.oldestAt >= OLDEST_LOOK_INTERVAL_MS) [this.beyond, this.oldestAt] = ['0', now];
    const through = this.through;
    this.through = [];
    try {
      const values = [
        this.queue,
        through,
        this.token,
        this.cursor,
        wanted,
        DEPTH,
        `${this.lease} ms`,
        READ_AHEAD,
        this.beyond,
      ];
      const rows = await this.database.call<LeasedRow | Reached>(CLAIM, values);
      const leased = rows.filter((row): row is LeasedRow => row.lane !== null);
      if (wanted > 0)
        this.goOn(
          leased,
          rows.filter((row): row is Reached => row.lane === null),
          wanted,
        );
      return this.take(leased, false);
    } catch (error) {
      this.through.push(...through);
      throw error;
    }
  }

  /**
   * Leases a lane that was returned without an outcome, if there is one that no other instance has.
   */
  async claimSuspect(): Promise<Lane | undefined> {
    return this.take(
      await this.database.call<LeasedRow>(CLAIM_SUSPECT, [
        this.queue,
        this.token,
        `${this.lease} ms`,
        READ_AHEAD,
      ]),
      true,
    )[0];
  }

  /**
   * Reads a body that was not prefetched. Returns undefined when the message is gone, so the lane
   * belongs to another instance.
   */
  async fetch({ lane, id }: Leased): Promise<Buffer | undefined> {
    const [row] = await this.database.call<{ body: Buffer | null }>(BODY, [this.queue, lane, id]);
    return row!.body ?? undefined;
  }

  /** All messages read of the lane were handled: the next claim releases it. */
  finish(lane: Lane): void {
    if (this.forget(lane)) this.through.push(lane.id);
  }

  /** Drops a lane that is no longer ours. Returns false if it was lost before. */
  forget(lane: Lane): boolean {
    return this.held.get(lane.id) === lane && this.held.delete(lane.id);
  }

  /**
   * Returns lanes unchanged; they can be leased again after `pause` milliseconds. The delivery is
   * not counted.
   */
  async giveBack(lanes: readonly Lane[], pause: number): Promise<void> {
    for (const lane of lanes) this.forget(lane);
    if (lanes.length > 0)
      await this.database.call(GIVE_BACK, [
        this.queue,
        lanes.map(({ id }) => id),
        this.token,
        pause,
      ]);
  }

  /**
   * Renews the leases of all held lanes; aborts those that other instances hold by now. `now`: of a
   * clock that never jumps.
   */
  async renew(now: number): Promise<void> {
    const lanes = this.lanes();
    if (lanes.length === 0) return void (this.renewedAt = now);
    try {
      const rows = await this.database.call<{ lane: string }>(RENEW, [
        this.queue,
        lanes.map(({ id }) => id),
        this.token,
        `${this.lease} ms`,
      ]);
      const ours = new Set(rows.map(({ lane }) => lane));
      this.renewedAt = now;
      for (const lane of lanes) if (!ours.has(lane.id)) this.lose(lane);
    } catch (error) {
      if (now - this.renewedAt >= this.lease) for (const lane of lanes) this.lose(lane);
      throw error;
    }
  }

  /**
   * Acknowledges a message outside a handler's transaction. Returns false if the lane belongs to
   * another instance.
   */
  async discard(lane: Lane, message: Leased): Promise<boolean> {
    return this.decide(DISCARD, lane, message, []);
  }

  async retry(
    lane: Lane,
    message: Leased,
    attempt: number,
    { after, failure }: Outcome & { kind: 'retry' },
  ): Promise<void> {
    this.forget(lane);
    await this.decide(RETRY, lane, message, [attempt, Math.ceil(after), JSON.stringify(failure)]);
  }

  async bury(
    lane: Lane,
    message: Leased,
    { failure, hold }: { readonly failure: Failure; readonly hold: boolean },
  ): Promise<void> {
    this.forget(lane);
    await this.decide(BURY, lane, message, [failure.tries, JSON.stringify(failure), hold]);
  }

  private async decide(
    statement: Statement,
    lane: Lane,
    message: Leased,
    values: unknown[],
  ): Promise<boolean> {
    const [row] = await this.database.call<{ ours: boolean }>(statement, [
      this.queue,
      lane.id,
      message.id,
      this.token,
      ...values,
    ]);
    return row!.ours;
  }

  /** Sets the position at which the next claim begins. */
  private goOn(leased: readonly LeasedRow[], reached: readonly Reached[], wanted: number): void {
    const [keyed, loose] = [
      reached.find(({ reached }) => isKeyed(reached)),
      reached.find(({ reached }) => !isKeyed(reached)),
    ];
    const lastOf = (which: boolean) => leased.findLast(({ lane }) => isKeyed(lane) === which)?.lane;
    this.brokenOff = reached.length > 0;
    this.cursor = keyed?.reached ?? lastOf(true) ?? this.cursor;
    const isAtEnd = !loose && leased.length < wanted;
    this.beyond = isAtEnd ? '0' : (loose?.reached ?? lastOf(false) ?? this.beyond);
  }

  private take(rows: readonly LeasedRow[], suspect: boolean): Lane[] {
    const lanes = new Map<string, Leased[]>();
    for (const row of rows) {
      const messages = lanes.get(row.lane) ?? [];
      lanes.set(row.lane, messages);
      if (row.id === null) this.through.push(row.lane);
      else messages.push(row as Leased);
    }
    const taken = [...lanes].filter(([, messages]) => messages.length > 0);
    return taken
      .map(([id, messages]) => ({ id, messages, lost: new AbortController(), suspect }))
      .filter((lane) => this.hold(lane));
  }

  /**
   * A lane that was lost and leased again while its former handling still runs stays leased until
   * it expires: the former handling has to end first.
   */
  private hold(lane: Lane): boolean {
    if (this.held.has(lane.id)) return false;
    this.held.set(lane.id, lane);
    return true;
  }

  private lose(lane: Lane): void {
    lane.lost.abort(new Error(`the lease of lane ${lane.id} ran out`));
  }
}

type LeasedRow = Omit<Leased, 'id'> & { readonly id: string | null };
/** The position at which a scan stopped early. */
type Reached = { readonly lane: null; readonly reached: string };

const CLAIM: Statement = {
  name: 'parley_claim',
  text: 'select * from parley.claim($1, $2, $3, $4, $5, $6, $7, $8, $9)',
};
const CLAIM_SUSPECT: Statement = {
  name: 'parley_claim_suspect',
  text: 'select * from parley.claim_suspect($1, $2, $3, $4)',
};
const BODY: Statement = {
  name: 'parley_read_message_body',
  text: 'select parley.read_message_body($1, $2, $3) body',
};
const RENEW: Statement = {
  name: 'parley_renew',
  text: 'select lane from parley.renew($1, $2, $3, $4) lane',
};
const GIVE_BACK: Statement = {
  name: 'parley_give_back',
  text: 'select parley.give_back($1, $2, $3, $4)',
};
const DISCARD: Statement = {
  name: 'parley_discard',
  text: 'select parley.discard($1, $2, $3, $4) ours',
};
const RETRY: Statement = {
  name: 'parley_retry',
  text: 'select parley.retry($1, $2, $3, $4, $5, $6, $7) ours',
};
const BURY: Statement = {
  name: 'parley_bury',
  text: 'select parley.bury($1, $2, $3, $4, $5, $6, $7) ours',
};
