import { randomUUID } from 'node:crypto';
import {
  lockLost,
  IDEMPOTENCY_RETENTION_DAYS,
  type CallResult,
  type IdempotencyState,
  type KeyedRequest,
  type RequestClaim,
  type IdempotencyStore,
  type Tx,
} from '@parley/messaging/transport';
import type { MemoryDatabase } from './database';

interface Row {
  readonly print: string;
  readonly token: string;
  /** Time until which no other call can take the key over. */
  readonly until: number;
  readonly at: number;
  readonly answer?: CallResult;
}

const KEPT = IDEMPOTENCY_RETENTION_DAYS * 24 * 3_600_000;

/** Replies of calls by idempotency key. */
export class MemoryIdempotencyStore implements IdempotencyStore {
  private readonly rows = new Map<string, Row>();

  constructor(private readonly store: MemoryDatabase) {}

  begin({ scope, print }: KeyedRequest, lease: number): Promise<IdempotencyState> {
    return this.store.turn(() => {
      const now = this.store.clock.now();
      for (const [old, { at }] of this.rows) if (at < now - KEPT) this.rows.delete(old);
      const row = this.rows.get(scope);
      if (row && row.print !== print) return { state: 'conflict' };
      if (row?.answer) return { state: 'done', answer: row.answer };
      if (row && row.until > this.store.clock.elapsed()) return { state: 'busy' };
      const token = randomUUID();
      this.rows.set(scope, { print, token, until: this.store.clock.elapsed() + lease, at: now });
      return { state: 'ours', claim: { scope, print, token } };
    });
  }

  complete(tx: Tx | undefined, { scope, token }: RequestClaim, answer: CallResult): Promise<void> {
    return this.store.within(tx, (tx) => {
      const row = this.rows.get(scope);
      if (row?.token !== token || row.answer) throw lockLost();
      this.rows.set(scope, { ...row, answer });
      tx.undo(() => this.rows.set(scope, row));
    });
  }

  release({ scope, token }: RequestClaim): Promise<void> {
    return this.store.turn(() => {
      const row = this.rows.get(scope);
      if (row?.token === token && !row.answer) this.rows.delete(scope);
    });
  }
}
