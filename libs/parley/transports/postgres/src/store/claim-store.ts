import { type Store } from '@parley/messaging';
import type { Claim, ClaimStore, TransportContext, Tx } from '@parley/messaging/transport';
import type { Database, Statement } from '../connection/database';
import { statement } from './transaction';

const HOUR_MS = 3_600_000;

export interface Keeping {
  /** The address without credentials, for messages. */
  readonly address: string;
  /** Days until a body is deleted. */
  readonly days: number;
  /** True when the database was opened for the claim store alone. */
  readonly own: boolean;
}

/**
 * Claim check: stores bodies that exceed the transport's limit in the schema `parley` of an
 * installation.
 */
export class PostgresClaimStore implements ClaimStore {
  readonly address: string;
  private cancel = () => {};

  constructor(
    private readonly database: Database,
    private readonly keeping: Keeping,
    private readonly surroundings: Pick<TransportContext, 'clock' | 'log'>,
  ) {
    this.address = keeping.address;
  }

  async connect(): Promise<void> {
    await this.database.installation();
    await this.sweep();
  }

  async sharesDatabaseWith(store: Store): Promise<boolean> {
    return (
      store.technology === 'postgres' &&
      (await store.installation()) === (await this.database.installation())
    );
  }

  async put(claims: readonly Claim[], tx?: Tx): Promise<void> {
    const values = [claims.map(({ id }) => id), claims.map(({ body }) => body), this.keeping.days];
    await (tx ? statement(tx, KEEP, values) : this.database.call(KEEP, values));
  }

  async get(id: string): Promise<Buffer | undefined> {
    const [row] = await this.database.call<{ body: Buffer | null }>(FETCH, [id]);
    return row?.body ?? undefined;
  }

  async close(): Promise<void> {
    this.cancel();
    if (this.keeping.own) await this.database.close();
  }

  private async sweep(): Promise<void> {
    await this.database.call(FORGET).catch((error: unknown) => {
      this.surroundings.log(
        'warn',
        'postgres: claims past their time could not be swept; trying again in an hour',
        { error },
      );
    });
    this.cancel = this.surroundings.clock.after(HOUR_MS, () => void this.sweep());
  }
}

const KEEP: Statement = {
  name: 'parley_keep_claims',
  text: 'select parley.keep_claims($1, $2, $3)',
};
const FETCH: Statement = { name: 'parley_fetch_claim', text: 'select parley.fetch_claim($1) body' };
const FORGET: Statement = { name: 'parley_forget_claims', text: 'select parley.forget_claims()' };
