/** One subscription's interest in one stream of a technology that keeps no positions itself. */
export interface Reader {
  readonly subscription: string;
  readonly stream: string;
}

/**
 * A part of a stream that is ordered by itself. Streams are split and merged while they are read.
 */
export interface Shard {
  readonly id: string;
  /** The shards that it continues: they are read to their ends before it. */
  readonly parents: readonly string[];
}

/** A shard that one instance reads, until its lease expires or is released. */
export interface ShardLease {
  readonly shard: string;
  /**
   * Every record up to here is finished. The text is the technology's own; '' is the shard's
   * beginning.
   */
  readonly position: string;
  /** Counts the shard's holders: updates of a former holder are refused. */
  readonly epoch: number;
}

export interface ShardLeases {
  readonly held: readonly ShardLease[];
  /** This instance's fair share of shards. */
  readonly share: number;
}

export interface ShardMove {
  readonly shard: string;
  readonly epoch: number;
  readonly position: string;
  /** The shard was read to its end. */
  readonly over: boolean;
}

/** Positions of a service's subscriptions in streams, and the instance that reads each shard. */
export interface Positions {
  /**
   * Registers shards: the first ones of a reader at `start`, those from a later split or merge at
   * their beginning. Known shards stay unchanged.
   */
  know(reader: Reader, shards: readonly Shard[], start: string): Promise<void>;
  /**
   * Renews `member` for `ttl` milliseconds, takes its share of the free shards if `take` is true,
   * and resolves with all it holds. Finished shards are not leased, nor are children of unfinished
   * ones. A member that holds more than its share releases the rest by `advance`.
   */
  lease(reader: Reader, member: string, ttl: number, take: boolean): Promise<ShardLeases>;
  /**
   * Stores positions, and releases the shards if `free` is true. Resolves with the shards that the
   * caller does not hold any more.
   */
  advance(reader: Reader, moves: readonly ShardMove[], free: boolean): Promise<readonly string[]>;
  /** Releases all shards of the member and forgets it. */
  leave(reader: Reader, member: string): Promise<void>;
}
