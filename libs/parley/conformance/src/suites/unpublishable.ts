import { outboxSubscription } from '@parley/messaging/transport';
import { numbers } from './effects';
import { eventually } from '../harness/recorder';
import type { TryPromise } from '../suite';
import { note, raw, type Job } from '../harness/test-scenario';

/**
 * A message that a technology always refuses harms only itself: it becomes a dead letter of its
 * sender's outbox.
 */
export function unpublishablePromise(promise: TryPromise): void {
  promise(
    'T54',
    async (trial) => {
      const contract = trial.contract();
      const seen = trial.journal();
      const hearer = await trial.hear(contract, note(seen));
      const speaker = await trial.speaks();
      const { largest } = speaker.messaging.introspection.explain(contract)!;
      const said = (n: number, key: string, text?: string) =>
        raw(
          contract,
          { key, n, text } satisfies Job,
          contract.kind === 'broadcast' ? { sequence: String(n) } : {},
        );
      // As if a build that did not know the limit had stored it.
      const stored = [
        said(1, 'a'),
        said(2, 'bad', 'x'.repeat(largest! * 2)),
        said(3, 'bad'),
        said(4, 'b'),
        said(5, 'a'),
        said(6, 'c'),
      ];
      await speaker.store.transaction((tx) => speaker.store.outbox.add(tx, stored));

      const [letter] = await trial.dead(speaker);
      await eventually(
        async () => (await speaker.store.outbox.state()).waiting === 0,
        'the outbox to be empty',
      );
      const keyed = contract.key !== undefined;
      const flowing = keyed ? [1, 4, 5, 6] : [1, 3, 4, 5, 6];
      await seen.reach(flowing.length);
      expect(numbers(seen.entries).sort()).toEqual(flowing);
      expect(letter).toMatchObject({
        subscription: outboxSubscription(trial.speaker),
        headers: { id: stored[1]!.envelope.id, type: contract.name },
        holds: keyed,
      });
      expect(letter!.failure).toMatchObject({ tries: 1, instance: speaker.name });
      expect(letter!.failure.message).toMatch(/large|check|takes/);

      const { deadLetters } = speaker.store.lanes;
      const body = Buffer.from(JSON.stringify({ key: 'bad', n: 2 }));
      expect(await deadLetters.edit(letter!.id, body, { who: 'the trial', replay: true })).toBe(
        'done',
      );
      await seen.reach(6);
      if (keyed) expect(numbers(seen.entries).slice(4)).toEqual([2, 3]);
      await trial.say(contract, { key: 'bad', n: 7 });
      await seen.reach(7);
      expect(numbers(seen.entries)).toHaveLength(7);
      expect(
        hearer.handlings.entries
          .map(({ outcome }) => outcome)
          .filter((outcome) => outcome !== 'done'),
      ).toEqual([]);
      expect(await deadLetters.count()).toBe(0);
    },
    ['outbox', 'refuses'],
  );
}
