import type { Transactions } from '@parley/messaging';
import type { Definition } from './saga';
import type { SagaDetails, SagaFilter, SagaStore, StoredSaga } from './saga-store';

/** What people may ask of a service's sagas. */
export class SagaOperations {
  constructor(
    private readonly sagas: readonly Definition[],
    private readonly store: SagaStore,
    private readonly transactions: Pick<Transactions, 'run'>,
  ) {}

  /** The sagas this service has, with what moves them. */
  definitions(): readonly { readonly name: string; readonly triggers: readonly string[]; readonly timeouts: readonly string[] }[] {
    return this.sagas.map((saga) => ({
      name: saga.name,
      triggers: saga.triggers().map(({ contract }) => contract.name),
      timeouts: saga.timeoutNames(),
    }));
  }

  /** Newest first. */
  list(filter?: SagaFilter): Promise<readonly StoredSaga[]> {
    return this.transactions.run((tx) => this.store.list(tx, filter));
  }

  /** One saga with its history and the timeouts that run. */
  find(name: string, key: string): Promise<SagaDetails | undefined> {
    return this.transactions.run((tx) => this.store.find(tx, name, key));
  }
}
