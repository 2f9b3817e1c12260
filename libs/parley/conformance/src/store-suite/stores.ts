import { storeSuite } from './store-suite';
import type { StoreUnderTest } from './store-trial';

/**
 * Promises of a store of inbox, outbox and lanes. The promises of a store of sagas (S1 to S11) are
 * described beside the sagas.
 */
export function storesSuite(technology: string, make: () => Promise<StoreUnderTest>): void {
  storeSuite(technology, make);
}
