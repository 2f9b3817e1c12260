import {
  AT_ONCE,
  effect,
  effectsReach,
  expectOrderPerKey,
  firstTimes,
  numbers,
  pause,
  sendInTransaction,
  sendsAgain,
} from './effects';
import { eventually } from '../harness/recorder';
import { technologyAwayPromise } from './technology-away';
import type { TryPromise } from '../suite';
import { handler, jobs, note, raw, say, type Handle, type Seen } from '../harness/test-scenario';

/**
 * Messages and effects of a transaction commit together, and once, in spite of losses on the way.
 */
export function transactionPromises(promise: TryPromise): void {
  promise('T30', async (trial) => {
    const [contract, afterwards] = [trial.contract(), trial.afterwards()];
    const followed = trial.journal();
    const handle: Handle = async ({ n }, { attempt }) => {
      await say(instance, afterwards, { key: 'k', n: n * 10 + attempt });
      if (attempt === 1) throw new Error('rolled back');
    };
    const beside = [handler(afterwards, note(followed), { subscription: 'followers' })];
    const instance = await trial.receive(contract, handle, { options: AT_ONCE, beside });
    await trial.send(contract, { key: 'k', n: 1 }, { key: 'k', n: 2 });
    await followed.reach(2);
    expect(numbers(followed.entries)).toEqual([12, 22]);
    await expect(
      instance.transactions.run(
        async () => (
          await say(instance, afterwards, { key: 'k', n: 99 }),
          Promise.reject(new Error('no'))
        ),
      ),
    ).rejects.toThrow('no');
    await say(instance, afterwards, { key: 'k', n: 100 });
    await followed.reach(3);
    expect(numbers(followed.entries)).toEqual([12, 22, 100]);
  });

  promise(
    'T31',
    async (trial) => {
      const contract = trial.contract();
      const seen = trial.journal();
      await trial.receive(contract, effect(trial, seen));
      const doomed = await trial.instance(trial.sender);
      if (trial.offers('outbox')) expect(doomed.place.way!.down()).toBeGreaterThan(0);
      await sendInTransaction(doomed, contract, ...jobs(3));
      doomed.kill();
      await trial.instance(trial.sender);
      await seen.reach(3);
      expect(await effectsReach(trial, 3)).toEqual(['k1', 'k2', 'k3']);
    },
    ['death'],
  );

  promise('T33', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    for (let i = 0; i < 2; i++) await trial.receive(contract, effect(trial, seen));
    const [twice, often] = [raw(contract, { key: 'a', n: 1 }), raw(contract, { key: 'b', n: 2 })];
    await trial.inject(twice);
    await effectsReach(trial, 1);
    await trial.inject(twice);
    await Promise.all(Array.from({ length: 20 }, () => trial.inject(often)));
    // In order per key: once these are handled, all copies were handled.
    await trial.send(contract, { key: 'a', n: 3 }, { key: 'b', n: 4 });
    await seen.reach(2, ({ job }) => job.n > 2);
    expect([...(await effectsReach(trial, 4))].sort()).toEqual(['a1', 'a3', 'b2', 'b4']);
  });

  promise(
    'T35',
    async (trial) => {
      const contract = trial.contract();
      const seen = trial.journal();
      await trial.receive(contract, effect(trial, seen));
      const relays = [
        await trial.instance(trial.sender),
        await trial.instance(trial.sender),
        await trial.instance(trial.sender),
      ];
      const said = jobs(300, (n) => `k${n % 5}-`);
      for (const [index, job] of said.entries()) {
        if (index === 100) relays.shift()!.kill();
        await sendInTransaction(relays[index % relays.length]!, contract, job);
      }
      const effects = await effectsReach(trial, 300);
      expect([...effects].sort()).toEqual(said.map(({ key, n }) => `${key}${n}`).sort());
      expectOrderPerKey(firstTimes(seen.entries));
    },
    ['death', 'outbox'],
  );

  promise(
    'T36',
    async (trial) => {
      const contract = trial.contract();
      const seen = trial.journal();
      await trial.receive(contract, effect(trial, seen));
      const sender = await trial.senderInstance();
      const sent = raw(contract, { key: 'k', n: 1 });
      await trial.inject(sent);
      await sendInTransaction(sender, contract, { key: 'k', n: 2 });
      await effectsReach(trial, 2);
      await eventually(
        async () => (await sender.store.outbox.state()).waiting === 0,
        'the outbox to let go of what was taken',
      );
      await trial.forget(600_000); // younger than that is all of it
      await trial.inject(sent);
      await trial.send(contract, { key: 'k', n: 3 });
      expect(await effectsReach(trial, 3)).toEqual(['k1', 'k2', 'k3']);
      await pause(20);
      await trial.forget(10);
      await trial.inject(sent);
      expect(await effectsReach(trial, 4)).toEqual(['k1', 'k2', 'k3', 'k1']);
    },
    ['forgets'],
  );

  technologyAwayPromise(promise);

  promise(
    'T38',
    async (trial) => {
      const contract = trial.contract();
      const seen = trial.journal();
      await trial.receive(contract, effect(trial, seen));
      const sender = await trial.senderInstance();
      // Opens the connections first: a new one would not work while responses are dropped.
      await Promise.all(jobs(4, (n) => `early${n}-`).map((job) => say(sender, contract, job)));
      await effectsReach(trial, 4);
      sender.place.way!.dropResponses!();
      await sendInTransaction(sender, contract, { key: 'k', n: 5 });
      await seen.reach(1, ({ job }) => job.n === 5);
      expect((await sender.store.outbox.state()).waiting).toBe(1);
      expect(sender.place.way!.down()).toBeGreaterThan(0);
      sender.place.way!.up();
      await eventually(
        async () => (await sender.store.outbox.state()).waiting === 0,
        'the copy to be said',
        40_000,
      );
      await sendsAgain(sender, contract, { key: 'k', n: 6 }, 40_000);
      await seen.reach(1, ({ job }) => job.n === 6);
      expect((await effectsReach(trial, 6)).filter((one) => one.startsWith('k'))).toEqual([
        'k5',
        'k6',
      ]);
    },
    ['confirms'],
  );

  promise(
    'T45',
    async (trial) => {
      const contract = trial.contract();
      const seen = trial.journal();
      const receivers = [
        await trial.receive(contract, effect(trial, seen)),
        await trial.receive(contract, effect(trial, seen)),
      ];
      const sender = await trial.senderInstance();
      const said = jobs(400, (n) => `k${n % 17}-`);
      for (const job of said) {
        if (job.n % 133 === 0)
          expect(
            [sender, ...receivers].map(({ place }) => place.cut!()).every((dropped) => dropped > 0),
          ).toBe(true);
        await eventually(
          () =>
            say(sender, contract, job).then(
              () => true,
              () => false,
            ),
          `${job.n} to be taken`,
          40_000,
        );
      }
      await eventually(
        async () => new Set(await trial.effects()).size === said.length,
        'every effect',
        60_000,
      );
      expect(
        (await trial.effects()).filter((one, place, all) => all.indexOf(one) !== place),
      ).toHaveLength(repeatedlySent(seen.entries));
    },
    ['cuts'],
  );
}

/**
 * When sending a message failed half-way, the test sent it again, as another message: that is two
 * effects, rightly.
 */
function repeatedlySent(seen: readonly Seen[]): number {
  const ids = new Map<number, Set<string>>();
  for (const { job, id } of seen) ids.set(job.n, (ids.get(job.n) ?? new Set()).add(id));
  return [...ids.values()].reduce((sum, { size }) => sum + size - 1, 0);
}
