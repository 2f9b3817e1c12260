import { arrivalPromises } from './arrival';
import { endingPromise } from './ending';
import { failurePromises } from './failure';
import { limitPromises } from './limits';
import { neverSettlingStored } from './never-settling';
import { outagePromise } from './outage';
import { stoppingPromises } from './stopping';
import type { TryPromise } from '../suite';
import { transactionPromises } from './transaction';
import { unpublishablePromise } from './unpublishable';

/**
 * Guarantees that commands and events share: they are stored, delivered until they took effect, and
 * kept as dead letters when they cannot.
 */
export function storedPromises(promise: TryPromise): void {
  arrivalPromises(promise);
  failurePromises(promise);
  transactionPromises(promise);
  stoppingPromises(promise);
  outagePromise(promise);
  unpublishablePromise(promise);
  endingPromise(promise);
  limitPromises(promise);
  neverSettlingStored(promise);
}
