import { NotStoredError, UnconfirmedError } from '@parley/messaging';
import { numbers, sendInTransaction, sendsAgain } from './effects';
import { note, say, type TestScenario } from '../harness/test-scenario';
import type { TryPromise } from '../suite';

/** Milliseconds after which sending must have failed while the technology is away. */
const FAILS_WITHIN_MS = 16_000;
const BACK_WITHIN_MS = 30_000;

/**
 * While the technology is away the outbox keeps messages of transactions, and sending without a
 * transaction fails in time. Its error says whether the message was stored: after a NotStoredError
 * it is never delivered.
 */
export function technologyAwayPromise(promise: TryPromise): void {
  promise('T37', tryWhileAway, ['outbox']);
}

async function tryWhileAway(trial: TestScenario): Promise<void> {
  const contract = trial.contract();
  const seen = trial.journal();
  await trial.receive(contract, note(seen));
  const sender = await trial.senderInstance();
  expect(sender.place.way!.down()).toBeGreaterThan(0);
  await sendInTransaction(sender, contract, { key: 'k', n: 1 });
  const started = performance.now();
  const failure: unknown = await say(sender, contract, { key: 'k', n: 2 }).catch(
    (error: unknown) => error,
  );
  const isExplained = failure instanceof NotStoredError || failure instanceof UnconfirmedError;
  if (!isExplained) expect(failure).toBeInstanceOf(NotStoredError); // prints the actual error
  expect(performance.now() - started).toBeLessThan(FAILS_WITHIN_MS);
  sender.place.way!.up();
  await seen.reach(1, ({ job }) => job.n === 1, BACK_WITHIN_MS);
  await sendsAgain(sender, contract, { key: 'k', n: 3 }, BACK_WITHIN_MS);
  await seen.reach(1, ({ job }) => job.n === 3);
  if (failure instanceof NotStoredError) expect(numbers(seen.entries)).not.toContain(2);
}
