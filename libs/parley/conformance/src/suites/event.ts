import type { Fixture } from '../harness/fixture';
import { eventually } from '../harness/recorder';
import { storedPromises } from './stored';
import { suite } from '../suite';
import { jobs, note, say, type Handle, type Interest } from '../harness/test-scenario';

/** Guarantees of events: a durable log, in order per key, for every subscription. */
export function eventSuite(fixture: Fixture): void {
  suite('event', fixture, (promise) => {
    storedPromises(promise);

    promise('T05', async (trial) => {
      const contract = trial.contract();
      const journals = [trial.journal(), trial.journal()];
      for (const [place, seen] of journals.entries()) {
        const service = `${trial.base}-group-${place}`;
        for (const by of ['one', 'two']) await trial.receive(contract, note(seen, by), { service });
      }
      await trial.send(contract, ...jobs(60, (n) => `k${n}`));
      for (const seen of journals) {
        await seen.reach(60);
        expect(seen.entries.map(({ job }) => job.n).sort((a, b) => a - b)).toEqual(
          jobs(60).map(({ n }) => n),
        );
      }
    });

    promise(
      'T09',
      async (trial) => {
        const contract = trial.contract();
        const first = trial.journal();
        await trial.receive(contract, note(first));
        await trial.send(contract, ...jobs(3));
        await first.reach(3);
        // Exact to a batch: messages sent together may have the same time.
        const now = Date.now();
        const since = new Date(now + 50);
        const passed = performance.now() + 100;
        await eventually(() => performance.now() > passed, 'the clock to pass');
        await trial.send(contract, { key: 'k', n: 4 });
        await first.reach(4);
        const late = async (from: Interest['from'], subscription: string) => {
          const seen = trial.journal();
          await trial.receive(contract, note(seen), { subscription, from });
          return seen;
        };
        const [all, some, none] = [
          await late('beginning', 'all'),
          await late(since, 'some'),
          await late('now', 'none'),
        ];
        await trial.send(contract, { key: 'k', n: 5 });
        for (const seen of [all, some, none]) await seen.reach(1, ({ job }) => job.n === 5);
        const numbers = [all, some, none].map(({ entries }) => entries.map(({ job }) => job.n));
        expect(numbers).toEqual([[1, 2, 3, 4, 5], [4, 5], [5]]);
      },
      ['persistent'],
    );

    promise('T34', async (trial) => {
      const contract = trial.contract();
      const [one, two] = [trial.journal(), trial.journal()];
      await trial.receive(contract, note(one), { subscription: 'one' });
      const failing: Handle = (job, context) => {
        note(two)(job, context);
        throw new Error('only here');
      };
      const instance = await trial.receive(contract, failing, {
        subscription: 'two',
        options: { retry: { immediate: 0, delays: [] } },
      });
      await trial.send(contract, ...jobs(3));
      await one.reach(3);
      await trial.dead(instance);
      expect(two.entries.map(({ job }) => job.n)).toEqual([1]);
    });

    promise('T48', async (trial) => {
      const contract = trial.contract();
      const seen = trial.journal();
      const handle: Handle = async (job, context) => {
        note(seen)(job, context);
        await trial.record(context.tx, `${job.key}${job.n}`);
      };
      const sender = await trial.senderInstance();
      let current = await trial.receive(contract, handle);
      const sent = jobs(400, (n) => `k${n % 13}-`);
      for (const job of sent) {
        await say(sender, contract, job);
        if (job.n % 80 !== 0) continue;
        const next = await trial.receive(contract, handle);
        await current.stop();
        current = next;
      }
      const all = await eventually(
        async () => (await trial.effects()).length >= sent.length && (await trial.effects()),
        'every effect',
        40_000,
      );
      expect([...all].sort()).toEqual(sent.map(({ key, n }) => `${key}${n}`).sort());
      const first = new Map<string, number[]>();
      for (const { job } of seen.entries) {
        const order = first.get(job.key) ?? [];
        if (!order.includes(job.n)) first.set(job.key, [...order, job.n]);
      }
      for (const order of first.values()) expect(order).toEqual([...order].sort((a, b) => a - b));
    });
  });
}
