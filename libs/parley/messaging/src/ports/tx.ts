/**
 * The open transaction. What it is depends on the store: TypeORM's EntityManager for PostgreSQL,
 * `MemoryTx` for the twin. The kit itself only passes it on.
 */
export type Tx = object;

/** Something that may be ended from outside, at a bound. */
export interface Ending {
  /** Why it was ended; undefined: it goes on. */
  readonly ended?: Error;
  /** Calls `close` when it is ended later on; the returned function forgets it. */
  onEnd(close: () => void): () => void;
  /** It waits for others, which does not count, until the returned function is called. */
  pause(): () => void;
}
