import { type Store } from '@parley/messaging';
import {
  CLAIM_DAYS,
  type Claim,
  type ClaimStore,
  type Clock,
  type Tx,
} from '@parley/messaging/transport';
import type { MemoryTx } from './database';

const DAY_MS = 24 * 3_600_000;

/** In-memory claim store, for tests and simulation. */
export class MemoryClaimStore implements ClaimStore {
  readonly address = 'memory';
  private readonly kept = new Map<string, { readonly body: Buffer; readonly until: number }>();

  constructor(
    private readonly clock: Clock,
    /** The store that it belongs to. */
    private readonly home?: Store,
  ) {}

  async connect(): Promise<void> {}
  async close(): Promise<void> {}

  async sharesDatabaseWith(store: Store): Promise<boolean> {
    return store === this.home;
  }

  async put(claims: readonly Claim[], tx?: Tx): Promise<void> {
    for (const { id, body } of claims) {
      this.kept.set(id, { body: Buffer.from(body), until: this.clock.now() + CLAIM_DAYS * DAY_MS });
      (tx as MemoryTx | undefined)?.undo(() => this.kept.delete(id));
    }
  }

  async get(id: string): Promise<Buffer | undefined> {
    const found = this.kept.get(id);
    return found && found.until > this.clock.now() ? Buffer.from(found.body) : undefined;
  }

  get size(): number {
    return this.kept.size;
  }
}
