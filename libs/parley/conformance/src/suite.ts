import { Logger } from '@nestjs/common';
import type { Kind } from '@parley/contract';
import { declaredFolder, reportFolder } from './config';
import type { Feature, Fixture } from './harness/fixture';
import { guarantees, type GuaranteeId, type Promised } from './guarantees';
import { Report } from './report';
import { TestScenario } from './harness/test-scenario';

type Attempt = (trial: TestScenario) => Promise<void>;

/** Tries one promise. `needs`: features without which it cannot be tried. */
export type TryPromise = (id: GuaranteeId, attempt: Attempt, needs?: readonly Feature[]) => void;

const PATIENCE = 90_000;

/**
 * Describes the tests of one kind on one technology, and checks at the end that the suite used
 * every hook of the fixture.
 */
export function suite(
  kind: Kind,
  fixture: Fixture,
  register: (promise: TryPromise, skip: (id: GuaranteeId, why: string) => void) => void,
): void {
  const declared = declaredFolder();
  if (declared) return declare(kind, fixture, register, declared);
  const folder = reportFolder();
  const report = new Report(fixture.technology, kind);
  const used = new Set<Feature>();

  const skip = (id: GuaranteeId, why: string) => {
    if (!folder && !isFast(id)) return;
    report.note(id, { verdict: 'not offered', why });
    process.stdout.write(
      `not offered: ${fixture.technology}, ${kind}s: ${id} ${guarantees[id].text}: ${why}\n`,
    );
    it.skip(nameOf(id), () => undefined);
  };

  const promise: TryPromise = (id, attempt, needs = []) => {
    const missing = needs.find((feature) => fixture.features.offers[feature] !== true);
    if (missing) return skip(id, reasonOf(fixture, missing));
    if (!folder && !isFast(id)) return;
    it(
      nameOf(id),
      async () => {
        for (const feature of needs) used.add(feature);
        await tried(
          id,
          new TestScenario(kind, fixture, (feature) => used.add(feature)),
          attempt,
          report,
        );
      },
      (guarantees[id] as Promised).patience ?? PATIENCE,
    );
  };

  describe(`${kind}s over ${fixture.technology}`, () => {
    beforeAll(async () => {
      Logger.overrideLogger(false);
      await fixture.setUp?.();
    }, PATIENCE);
    afterAll(async () => {
      if (folder) report.write(folder);
      await fixture.tearDown?.();
    }, PATIENCE);
    register(promise, skip);
    if (folder)
      it('the fixture was asked for everything it declares', () =>
        expect(unasked(kind, fixture, used)).toEqual([]));
  });
}

/**
 * Lists the tests that would run, and the features that are not offered, without running anything.
 */
function declare(
  kind: Kind,
  fixture: Fixture,
  register: Parameters<typeof suite>[2],
  folder: string,
): void {
  const report = new Report(fixture.technology, kind);
  const skip = (id: GuaranteeId, why: string) => report.note(id, { verdict: 'not offered', why });
  const promise: TryPromise = (id, _, needs = []) => {
    const missing = needs.find((feature) => fixture.features.offers[feature] !== true);
    if (missing) return skip(id, reasonOf(fixture, missing));
    report.note(id, { verdict: 'declared', except: fixture.features.exceptions?.[id] });
  };
  register(promise, skip);
  report.write(folder);
}

async function tried(
  id: GuaranteeId,
  trial: TestScenario,
  attempt: Attempt,
  report: Report,
): Promise<void> {
  try {
    await attempt(trial);
    report.note(id, { verdict: 'held', except: trial.features.exceptions?.[id] });
  } catch (error) {
    report.note(id, { verdict: 'failed', why: (error as Error).message.slice(0, 500) });
    trial.explain(error);
    throw error;
  } finally {
    await trial.close();
  }
}

const isFast = (id: GuaranteeId): boolean => (guarantees[id] as Promised).fast === true;
const nameOf = (id: GuaranteeId): string => `${guarantees[id].text} (${id})`;

function reasonOf({ features }: Fixture, feature: Feature): string {
  const offered = features.offers[feature];
  return typeof offered === 'string' ? offered : `its fixture does not declare "${feature}"`;
}

/** A hook that is never called proves nothing: it is a mistake in the fixture, or in the suite. */
function unasked(kind: Kind, { features }: Fixture, used: ReadonlySet<Feature>): readonly string[] {
  const declared = Object.entries(features.offers)
    .filter(([, offered]) => offered === true)
    .map(([feature]) => feature as Feature);
  return declared.filter((feature) => !used.has(feature) && RELEVANT[feature].includes(kind));
}

const RELEVANT: Readonly<Record<Feature, readonly Kind[]>> = {
  death: ['call', 'command', 'broadcast', 'event'],
  outbox: ['command', 'broadcast', 'event'],
  cuts: ['command', 'event'],
  broker: ['command', 'event'],
  confirms: ['command', 'event'],
  orphans: ['command', 'event'],
  processes: ['command', 'event'],
  persistent: ['command', 'event'],
  forgets: ['command', 'event'],
  refuses: ['command', 'broadcast', 'event'],
  limits: ['call'],
  streams: ['call'],
};
