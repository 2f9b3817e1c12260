import type { DataSource, EntityManager } from 'typeorm';

/** Bounds of what is kept. */
export interface Kept {
  /** Milliseconds. */
  readonly time: number;
  /** With the indexes. */
  readonly bytes: number;
}

export interface Segment {
  readonly id: number;
  readonly since: Date;
  /** Of a complete one. */
  readonly until: Date | null;
}

/** Segments that the bounds are made of: what is dropped at once is one of so many parts. */
const PARTS = 64;
const SMALLEST_BYTES = 1_048_576;
/** A part without indexes is read whole. */
const LARGEST_BYTES = 128 * 1_048_576;
const LONGEST_MS = 3_600_000;

/** Tables that are partitioned by segment. */
const TABLES = ['message', 'handling', 'span'] as const;
/** Segments are dropped whole and never changed: there is nothing to clean up. */
const STORAGE = '(autovacuum_enabled = false, toast.autovacuum_enabled = false)';

const INDEXES = (id: number): readonly string[] => [
  `create index on message_${id} (id)`,
  `create index on message_${id} (sent)`,
  `create index on message_${id} (correlation)`,
  `create index on message_${id} (key) where key is not null`,
  `create index on message_${id} (trace) where trace is not null`,
  `create index on message_${id} using gin (words)`,
  `create index on handling_${id} (message)`,
  `create index on handling_${id} (outcome, message) where outcome <> 'done'`,
  `create index on span_${id} (trace)`,
  ...TABLES.map((table) => `analyze ${table}_${id}`),
];

/** Consoles that share the store take turns. */
const LOCK = 'parley.console.segments';
/** A lock of its own: making indexes does not hold up the writer. */
const INDEX_LOCK = 'parley.console.indexes';

/**
 * The store in parts: rows are written into the last one, and the first one is dropped when the
 * store grows too large or too old. Indexes are made when a part is complete, all at once: that
 * costs a fraction of what each row would. Until then the part is small enough to be read whole.
 */
export class Segments {
  private readonly partBytes: number;
  private readonly partMs: number;

  constructor(
    private readonly database: DataSource,
    private readonly kept: Kept,
  ) {
    this.partBytes = Math.min(LARGEST_BYTES, Math.max(SMALLEST_BYTES, kept.bytes / PARTS));
    this.partMs = Math.min(LONGEST_MS, kept.time / PARTS);
  }

  /** The last first. */
  async all(): Promise<readonly Segment[]> {
    return this.database.query('select id, since, until from segment order by id desc');
  }

  /** The one to write into; it is made where there is none. */
  async current(): Promise<number> {
    const [last] = await this.all();
    if (last?.until === null) return last.id;
    return this.locked(async (tx) => {
      const [open] = (await tx.query(
        'select id from segment where until is null order by id desc limit 1',
      )) as { id: number }[];
      return open?.id ?? this.open(tx);
    });
  }

  /** Begins the next part when the current one is large or old, and drops what is beyond the bounds. */
  async tend(): Promise<void> {
    const current = await this.current();
    const [{ full }] = (await this.database.query(
      `select ${sizeOf('$1')} >= $2 or since < clock_timestamp() - make_interval(secs => $3) as full from segment where id = $1::int`,
      [current, this.partBytes, this.partMs / 1_000],
    )) as [{ full: boolean }];
    if (full) await this.turn(current);
    await this.drop();
  }

  /** Begins the next part, also when the current one has room. */
  async turn(current: number): Promise<void> {
    await this.locked(async (tx) => {
      const [, changed] = (await tx.query(
        'update segment set until = clock_timestamp() where id = $1 and until is null',
        [current],
      )) as [unknown, number];
      if (changed > 0) await this.open(tx);
    });
  }

  /** Bytes of everything that is kept. */
  async bytes(): Promise<number> {
    const [{ bytes }] = (await this.database.query(
      `select coalesce(sum(coalesce(bytes, ${sizeOf('id')})), 0)::float8 as bytes from segment`,
    )) as [{ bytes: number }];
    return bytes;
  }

  private async open(tx: EntityManager): Promise<number> {
    const [{ id }] = (await tx.query('insert into segment default values returning id')) as [
      { id: number },
    ];
    for (const table of TABLES)
      await tx.query(
        `create table ${table}_${id} partition of ${table} for values in (${id}) with ${STORAGE}`,
      );
    return id;
  }

  /**
   * Makes the indexes that are missing: also those of a console that ended meanwhile. It may take a
   * while, and nothing waits for it.
   */
  async complete(): Promise<void> {
    const bare = (await this.database.query(
      'select id from segment where until is not null and bytes is null order by id',
    )) as { id: number }[];
    for (const { id } of bare)
      await this.locked(async (tx) => {
        const [found] = (await tx.query('select bytes from segment where id = $1', [id])) as {
          bytes: string | null;
        }[];
        if (found?.bytes !== null) return; // another console was faster, or it is gone
        for (const statement of INDEXES(id)) await tx.query(statement);
        await tx.query(`update segment set bytes = ${sizeOf('id')} where id = $1`, [id]);
      }, INDEX_LOCK);
  }

  /** The current part has room: the store with it is never beyond its bound. */
  private async drop(): Promise<void> {
    const old = (await this.database.query(
      `select id from (
         select id, until, sum(bytes) over (order by id desc) as newer from segment where bytes is not null
       ) complete where newer > $1 or until < clock_timestamp() - make_interval(secs => $2) order by id`,
      [Math.max(0, this.kept.bytes - 2 * this.partBytes), this.kept.time / 1_000],
    )) as { id: number }[];
    for (const { id } of old)
      await this.locked(async (tx) => {
        // Readers do not wait behind this for longer.
        await tx.query(`set local lock_timeout = '2s'`);
        await tx.query(
          `drop table if exists ${TABLES.map((table) => `${table}_${id}`).join(', ')}`,
        );
        await tx.query('delete from segment where id = $1', [id]);
      });
  }

  private locked<T>(work: (tx: EntityManager) => Promise<T>, lock = LOCK): Promise<T> {
    return this.database.transaction(async (tx) => {
      await tx.query('select pg_advisory_xact_lock(hashtext($1))', [lock]);
      return work(tx);
    });
  }
}

/** In SQL: bytes of a segment, with indexes and large values; of one that is gone, none. */
const sizeOf = (id: string): string =>
  TABLES.map(
    (table) => `coalesce(pg_total_relation_size(to_regclass('${table}_' || ${id})), 0)`,
  ).join(' + ');
