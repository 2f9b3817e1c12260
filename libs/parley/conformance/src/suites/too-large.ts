import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Contract } from '@parley/contract';
import { BodyTooLargeError } from '@parley/messaging/transport';
import type { Recorder } from '../harness/recorder';
import { say, type Seen, type TestScenario } from '../harness/test-scenario';

/** Runs a test with a claim store that all its services share. */
export async function withClaims(attempt: (claims: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'claims-'));
  await attempt(`file://${folder}`).finally(() => rm(folder, { recursive: true }));
}

/**
 * On technologies with a `largest` body: a larger one arrives complete by claim check, and is
 * refused by name where there is no claim store, in a transaction and without one.
 */
export async function tryTooLarge(
  trial: TestScenario,
  contract: Contract,
  seen: Recorder<Seen>,
  claims: string,
): Promise<void> {
  const strict = await trial.start(trial.sender, [], { claims: false });
  const { largest } = strict.messaging.introspection.explain(contract)!;
  if (largest === undefined) return;
  const job = { key: 'large', n: 2, text: 'x'.repeat(largest) }; // with its key and number it is above it
  await expect(say(strict, contract, job)).rejects.toThrow(BodyTooLargeError);
  await expect(say(strict, contract, job)).rejects.toMatchObject({
    contract: contract.name,
    limit: largest,
  });
  await expect(strict.transactions.run(() => say(strict, contract, job))).rejects.toThrow(
    BodyTooLargeError,
  );
  const sender = await trial.start(trial.sender, [], { claims });
  await say(sender, contract, job);
  await sender.transactions.run(() => say(sender, contract, { ...job, n: 3 }));
  await seen.reach(3);
  expect(seen.entries.slice(1).map((one) => [one.job.n, one.job.text === job.text])).toEqual([
    [2, true],
    [3, true],
  ]);
}
