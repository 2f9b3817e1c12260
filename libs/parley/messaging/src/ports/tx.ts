/**
 * The open transaction. Its type depends on the store: TypeORM's EntityManager for PostgreSQL,
 * `MemoryTx` for memory. The kit itself only passes it on.
 */
export type Tx = object;

/** Work that may be ended from outside, at a limit. */
export interface Ending {
  /** The reason of its end; undefined while it goes on. */
  readonly ended?: Error;
  /** Calls `close` when it is ended later; the returned function removes the callback. */
  onEnd(close: () => void): () => void;
  /** Stops its clock while it waits for others; the returned function starts it again. */
  pause(): () => void;
}
