import { storeSuite, type StoreUnderTest } from './store-suite';

/**
 * What a store of inbox, outbox and lanes promises. What a store of sagas promises (S1 to S11) is
 * described beside the sagas.
 */
export function storesSuite(technology: string, make: () => Promise<StoreUnderTest>): void {
  storeSuite(technology, make);
}
