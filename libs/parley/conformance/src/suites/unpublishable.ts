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
      const receiver = await trial.receive(contract, note(seen));
      const sender = await trial.senderInstance();
      const { largest } = sender.messaging.introspection.explain(contract)!;
      const { refusedAttribute } = trial.features;
      const sent = (n: number, key: string, text?: string, correlationid = `c${n}`) =>
        raw(contract, { key, n, text } satisfies Job, {
          correlationid,
          ...(contract.kind === 'broadcast' && { sequence: String(n) }),
        });
      // As if a build that did not know the limit had stored it.
      const stored = [
        sent(1, 'a'),
        refusedAttribute === undefined
          ? sent(2, 'bad', 'x'.repeat(largest! * 2))
          : sent(2, 'bad', undefined, 'x'.repeat(refusedAttribute)),
        sent(3, 'bad'),
        sent(4, 'b'),
        sent(5, 'a'),
        sent(6, 'c'),
      ];
      await sender.store.transaction((tx) => sender.store.outbox.add(tx, stored));

      const [letter] = await trial.dead(sender);
      await eventually(
        async () => (await sender.store.outbox.state()).waiting === 0,
        'the outbox to be empty',
      );
      const keyed = contract.key !== undefined;
      const flowing = keyed ? [1, 4, 5, 6] : [1, 3, 4, 5, 6];
      await seen.reach(flowing.length);
      expect(numbers(seen.entries).sort()).toEqual(flowing);
      expect(letter).toMatchObject({
        subscription: outboxSubscription(trial.sender),
        headers: { id: stored[1]!.envelope.id, type: contract.name },
        holds: keyed,
      });
      expect(letter!.failure).toMatchObject({ tries: 1, instance: sender.name });
      expect(letter!.failure.message).toMatch(/large|check|takes/);

      const { deadLetters } = sender.store.lanes;
      // An attribute cannot be mended, as a body can.
      const mended = refusedAttribute === undefined ? [2] : [];
      if (mended.length > 0) {
        const body = Buffer.from(JSON.stringify({ key: 'bad', n: 2 }));
        expect(await deadLetters.edit(letter!.id, body, { who: 'the trial', replay: true })).toBe(
          'done',
        );
      } else expect(await deadLetters.discard(letter!.id, { who: 'the trial' })).toBe(true);
      await seen.reach(5 + mended.length);
      if (keyed) expect(numbers(seen.entries).slice(4)).toEqual([...mended, 3]);
      await trial.send(contract, { key: 'bad', n: 7 });
      await seen.reach(6 + mended.length);
      expect(numbers(seen.entries)).toHaveLength(6 + mended.length);
      expect(
        receiver.handlings.entries
          .map(({ outcome }) => outcome)
          .filter((outcome) => outcome !== 'done'),
      ).toEqual([]);
      expect(await deadLetters.count()).toBe(0);
    },
    ['outbox', 'refuses'],
  );
}
