import { changedDeadLetters } from './dead-letters-changed';
import { foundDeadLetters } from './dead-letters-found';
import { keptDeadLetters } from './dead-letters-kept';
import { idempotencyPromises } from './idempotency';
import { inboxPromises } from './inbox';
import { lanePromises } from './lanes';
import { outboxPromises } from './outbox';
import { replayRuns } from './replay-runs';
import { StoreTrial, type StoreUnderTest } from './store-trial';
import { transactionPromises } from './transactions';

/** Promises of every store. Needs no virtual clock: waits for events, not for time. */
export function storeSuite(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(name, () => {
    const trial = new StoreTrial(make);
    beforeEach(() => trial.open());
    afterEach(() => trial.close());

    transactionPromises(trial);
    outboxPromises(trial);
    idempotencyPromises(trial);
    inboxPromises(trial);
    lanePromises(trial);
    describe('dead letters', () => {
      keptDeadLetters(trial);
      foundDeadLetters(trial);
      changedDeadLetters(trial);
    });
    describe('replays in steps', () => replayRuns(trial));
  });
}
