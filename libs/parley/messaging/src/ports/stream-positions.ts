/** One subscription's interest in one stream of a technology that keeps no positions itself. */
export interface Reader {
  readonly subscription: string;
  readonly stream: string;
}

/**
 * A part of a stream that is in order by itself. Streams are split and merged while they are read.
 */
export interface Shard {
  readonly id: string;
  /** Those that it goes on from: they are read to their ends before it. */
  readonly parents: readonly string[];
}

/** A shard that is an instance's to read, until its lease runs out or it is given up. */
export interface ShardLease {
  readonly shard: string;
  /**
   * Everything up to here is done. What it says is the technology's own business; '' is the shard's
   * beginning.
   */
  readonly position: string;
  /** Counts the shard's holders: what a former one says is not heard any more. */
  readonly epoch: number;
}

export interface ShardLeases {
  readonly held: readonly ShardLease[];
  /** How many shards are this instance's fair share. */
  readonly share: number;
}

export interface ShardMove {
  readonly shard: string;
  readonly epoch: number;
  readonly position: string;
  /** It was read to its end. */
  readonly over: boolean;
}

/** Where the subscriptions of a service are in streams, and which of its instances reads what. */
export interface Positions {
  /**
   * Makes shards known. Those that a reader begins with stand at `start`; what comes to it later,
   * by splitting and merging, stands at its beginning. What is known stays as it is.
   */
  know(reader: Reader, shards: readonly Shard[], start: string): Promise<void>;
  /**
   * Says that `member` lives for `ttl` milliseconds more, takes its share of what is free if told
   * to `take`, and answers with all it holds. Shards that are over, or whose parents are not, are
   * nobody's to read. Who holds more than its share gives it up by `advance`.
   */
  lease(reader: Reader, member: string, ttl: number, take: boolean): Promise<ShardLeases>;
  /**
   * Moves positions, giving the shards up if told to `free`. Answers with those that are not the
   * caller's any more.
   */
  advance(reader: Reader, moves: readonly ShardMove[], free: boolean): Promise<readonly string[]>;
  /** Gives up everything, and lives no more. */
  leave(reader: Reader, member: string): Promise<void>;
}
