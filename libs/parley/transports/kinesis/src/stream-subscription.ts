import {
  Checkpoints,
  PartTakeover,
  type Positions,
  type Reader,
  type ShardLease,
  type ShardLeases,
  type ShardMove,
} from '@parley/messaging/transport';
import type { Place } from './handling';
import { ShardConsumer } from './shard-consumer';

const ADVANCE_AFTER_MS = 200;
/** Splitting and merging are looked for so often, also when no shard has ended. */
const SHARDS_KNOWN_FOR_MS = 30_000;

/**
 * One durable subscription's reading of one stream, in this instance: the shards it holds, and how
 * far they are done.
 */
export class StreamSubscription {
  private readonly held = new Map<string, ShardConsumer>();
  private readonly reader: Reader;
  /** Ours to the store until it was told. */
  private readonly givenUp = new Set<string>();
  private readonly checkpoints: Checkpoints;
  private readonly takeover: PartTakeover;
  private knownAt = -Infinity;
  private renewedAt = -Infinity;
  private stopped = false;
  private leaseProblem?: string;
  private share = 0;

  constructor(
    readonly stream: string,
    private readonly place: Place,
    private readonly positions: Positions,
    private readonly member: string,
    /** Where to begin, the first time. */
    private readonly start: string,
    /** Asks for the leases now. */
    private readonly leaseSoon: () => void,
  ) {
    const { subscription, context } = place;
    this.reader = { subscription: subscription.name, stream };
    this.checkpoints = new Checkpoints(context.clock, () => this.advance());
    this.takeover = new PartTakeover(subscription.name, member, context);
  }

  get subscription(): string {
    return this.reader.subscription;
  }

  get problem(): string | undefined {
    return this.leaseProblem ?? [...this.held.values()].find((shard) => shard.problem)?.problem;
  }

  get waiting(): number {
    return [...this.held.values()].reduce((sum, { waiting }) => sum + waiting, 0);
  }

  /** The shards this instance holds. */
  get shards(): readonly string[] {
    return [...this.held.keys()];
  }

  get hasItsShare(): boolean {
    return this.held.size >= this.share;
  }

  /**
   * Renews this instance's leases and learns which shards it has. Rejects only when `mustSucceed`.
   */
  async lease(mustSucceed = false): Promise<void> {
    const { clock, address, context } = { ...this.place, clock: this.place.context.clock };
    const asked = clock.elapsed();
    try {
      if (asked - this.knownAt > SHARDS_KNOWN_FOR_MS && !this.stopped) await this.know();
      const leases = await this.positions.lease(
        this.reader,
        this.member,
        address.lease,
        !this.stopped,
      );
      this.renewedAt = asked;
      this.leaseProblem = undefined;
      await this.leased(leases);
    } catch (error) {
      if (mustSucceed) throw error;
      this.leaseProblem = (error as Error).message;
      context.log(
        'warn',
        `${this.reader.subscription}: the leases on ${this.stream} could not be renewed: ${this.leaseProblem}`,
      );
      if (clock.elapsed() - this.renewedAt > address.lease)
        for (const shard of [...this.held.values()])
          this.lose(shard, 'may be another’s: its lease could not be renewed');
    }
  }

  /** Begins nothing more; gives each shard up as soon as nothing of it runs. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all([...this.held.values()].map((shard) => this.leave(shard)));
  }

  /** Gives up the shards of handlings that still run. */
  async close(): Promise<void> {
    this.checkpoints.cancel();
    await this.checkpoints.now();
    const shards = [...this.held.values()];
    for (const shard of shards) this.lose(shard, 'is given up: the instance stops');
    await this.handBack(shards);
    // If it fails, the leases run out by themselves.
    await this.positions.leave(this.reader, this.member).catch(() => undefined);
  }

  private async know(): Promise<void> {
    const { streams, context } = this.place;
    await streams.ensure(this.stream);
    await this.positions.know(this.reader, await streams.shards(this.stream), this.start);
    this.knownAt = context.clock.elapsed();
  }

  private async leased({ held, share }: ShardLeases): Promise<void> {
    const granted = new Map(held.map((lease) => [lease.shard, lease]));
    for (const shard of [...this.held.values()]) {
      if (granted.get(shard.lease.shard)?.epoch !== shard.lease.epoch && !shard.isFinished)
        this.lose(shard, 'belongs to another instance now');
    }
    if (this.stopped) return;
    this.share = share;
    for (const lease of held.filter(
      ({ shard }) => !this.held.has(shard) && !this.givenUp.has(shard),
    )) {
      const orphaned = await this.takeover.take(this.partOf(lease.shard));
      if (this.stopped) return;
      this.held.set(lease.shard, this.read(lease, orphaned));
    }
    const staying = [...this.held.values()].filter(({ leaving }) => !leaving);
    for (const shard of staying.slice(share)) void this.leave(shard);
  }

  private handBack(shards: readonly ShardConsumer[]): Promise<void> {
    return this.takeover.handBack(shards.map(({ lease: { shard } }) => this.partOf(shard)));
  }

  private partOf(shard: string): string {
    return `${this.stream}/${shard}`;
  }

  private read(lease: ShardLease, orphaned: boolean): ShardConsumer {
    return new ShardConsumer(this.stream, lease, this.place, orphaned, (shard) =>
      this.finished(shard),
    );
  }

  private finished(shard: ShardConsumer): void {
    if (this.held.get(shard.lease.shard) !== shard) return;
    if (shard.leaving) return void (shard.isIdle && this.giveUp(shard));
    if (shard.isFinished) return void this.goOn();
    this.checkpoints.within(ADVANCE_AFTER_MS);
  }

  /** Read to its end, and all of it handled: the shard's successors can begin. */
  private async goOn(): Promise<void> {
    this.knownAt = -Infinity;
    await this.checkpoints.now();
    this.leaseSoon();
  }

  private async leave(shard: ShardConsumer): Promise<void> {
    await shard.leave();
    if (shard.isIdle) await this.giveUp(shard);
  }

  private async giveUp(shard: ShardConsumer): Promise<void> {
    if (this.held.get(shard.lease.shard) !== shard) return;
    this.held.delete(shard.lease.shard);
    this.givenUp.add(shard.lease.shard);
    await this.handBack([shard]); // first: the next owner must find it handed back
    await this.store([shard.standing], true);
    this.givenUp.delete(shard.lease.shard);
    shard.lose('is given up');
  }

  private lose(shard: ShardConsumer, why: string): void {
    if (this.held.get(shard.lease.shard) === shard) this.held.delete(shard.lease.shard);
    shard.lose(why);
  }

  /** Never rejects. */
  private async advance(): Promise<void> {
    const moved = [...this.held.values()].filter(({ leaving, hasMoved }) => !leaving && hasMoved);
    const moves = moved.map(({ standing }) => standing);
    const lost = moves.length > 0 ? await this.store(moves, false) : [];
    if (lost === undefined) return;
    moved.forEach((shard, place) => this.stored(shard, moves[place]!, lost));
  }

  private stored(shard: ShardConsumer, move: ShardMove, lost: readonly string[]): void {
    if (lost.includes(move.shard)) return this.lose(shard, 'belongs to another instance now');
    shard.moved(move);
    if (!move.over) return;
    this.lose(shard, 'was read to its end');
    void this.handBack([shard]);
  }

  /**
   * A failure loses nothing: handled messages are in the inbox, and the next time moves the
   * position.
   */
  private async store(
    moves: readonly ShardMove[],
    free: boolean,
  ): Promise<readonly string[] | undefined> {
    return this.positions.advance(this.reader, moves, free).catch((error: Error) => {
      this.place.context.log(
        'debug',
        `${this.reader.subscription}: the position in ${this.stream} could not be moved: ${error.message}`,
      );
      return undefined;
    });
  }
}
