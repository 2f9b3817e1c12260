import { command, type Command } from '@parley/contract';
import { HandlerError, NoRouteError, UnrecoverableError } from '@parley/messaging';
import { effectsReach } from './effects';
import type { Fixture } from '../harness/fixture';
import { lanePromises } from './lane';
import { storedPromises } from './stored';
import { suite } from '../suite';
import { handler, Job, jobs, note, raw, say, type Handle } from '../harness/test-scenario';

/** Guarantees of commands: stored until their one owner has handled them. */
export function commandSuite(fixture: Fixture): void {
  suite('command', fixture, (promise) => {
    storedPromises(promise);
    lanePromises(promise);

    promise('T04', async (trial) => {
      const contract = trial.contract('do-job', false);
      const seen = trial.journal();
      const handle =
        (by: string): Handle =>
        async (job, context) => {
          note(seen, by)(job, context);
          await trial.record(context.tx, String(job.n));
        };
      await trial.receive(contract, handle('one'));
      await trial.receive(contract, handle('two'));
      await trial.send(contract, ...jobs(40));
      await seen.reach(40);
      expect(seen.entries.map(({ job }) => job.n).sort((a, b) => a - b)).toEqual(
        jobs(40).map(({ n }) => n),
      );
      expect(new Set(seen.entries.map(({ by }) => by)).size).toBe(2);
      await expect(trial.start(trial.sender, [handler(contract, () => undefined)])).rejects.toThrow(
        /only its owner/,
      );
    });

    promise('T12', async (trial) => {
      const contract = trial.contract();
      const mute = await trial.start(trial.sender, [], { urls: {} });
      await expect(say(mute, contract, { key: 'k', n: 1 })).rejects.toThrow(NoRouteError);
      await expect(
        mute.transactions.run(() => say(mute, contract, { key: 'k', n: 2 })),
      ).rejects.toThrow(NoRouteError);
      await expect(
        trial.start(trial.receiver, [handler(contract, () => undefined)], { urls: {} }),
      ).rejects.toThrow(HandlerError);
    });

    promise('T15', async (trial) => {
      const contract = trial.contract();
      const sender = await trial.senderInstance();
      await sender.messenger.send(
        contract as unknown as Command,
        { key: 'k', n: 1 },
        { expires: '1ms' },
      );
      await sender.messenger.send(
        contract as unknown as Command,
        { key: 'k', n: 2 },
        { expires: '60s' },
      );
      const seen = trial.journal();
      const instance = await trial.receive(contract, note(seen));
      await seen.reach(1);
      const [letter] = await trial.dead(instance);
      expect(seen.entries.map(({ job }) => job.n)).toEqual([2]);
      expect(JSON.parse(Buffer.from(letter!.body).toString())).toMatchObject({ n: 1 });
    });

    promise('T28', async (trial) => {
      const unknown = command(`${trial.base}.do-something-else`, Job);
      const seen = trial.journal();
      const contract = trial.contract();
      const instance = await trial.receive(contract, note(seen));
      await trial.inject(raw(unknown, { key: 'k', n: 1 }));
      await trial.send(contract, { key: 'k', n: 2 });
      const [letter] = await trial.dead(instance);
      expect(letter).toMatchObject({
        headers: { type: unknown.name },
        failure: { error: 'NoHandlerError' },
      });
      await seen.reach(1);
      // Nor does its owner handle anything else.
      const service = `${trial.base}-idle`;
      const unhandled = command(`${service}.do-nothing`, Job, { key: 'key' });
      const idle = await trial.start(service, []);
      await trial.send(unhandled, { key: 'k', n: 3 });
      expect((await trial.dead(idle))[0]).toMatchObject({
        headers: { type: unhandled.name, partitionkey: 'k' },
        failure: { error: 'NoHandlerError' },
      });
      expect(idle.complaints.join()).toContain(`nothing here handles ${unhandled.name}`);
    });

    promise('T32', async (trial) => {
      const [contract, outside] = [trial.contract(), trial.afterwards()];
      const followed = trial.journal();
      const handle: Handle = async () => {
        await say(instance, outside, { key: 'other', n: 10 }); // joins, and is lost
        await instance.messenger.outside.send(outside as unknown as Command, {
          key: 'other',
          n: 20,
        });
        throw new UnrecoverableError('the transaction fails');
      };
      const instance = await trial.receive(contract, handle, {
        beside: [handler(outside, note(followed))],
      });
      await trial.send(contract, { key: 'k', n: 1 });
      await trial.dead(instance);
      await trial.send(outside, { key: 'other', n: 30 });
      await followed.reach(2);
      expect(followed.entries.map(({ job }) => job.n)).toEqual([20, 30]);
    });

    promise('T41', async (trial) => {
      const contract = trial.contract();
      const seen = trial.journal();
      const handle: Handle = async (job, context) => {
        await trial.record(context.tx, `${job.key}${job.n}`);
        note(seen)(job, context);
      };
      const instance = await trial.receive(contract, handle);
      await trial.receive(contract, handle);
      const order = contract as unknown as Command;
      const [sender, stranger] = [
        await trial.senderInstance(),
        await trial.instance(`${trial.base}-stranger`),
      ];
      const send = (idempotencyKey: string, n: number, by = sender) =>
        by.messenger.send(order, { key: 'k', n }, { idempotencyKey });
      await Promise.all(Array.from({ length: 5 }, () => send('one', 1)));
      await sender.transactions.run(() => send('one', 1));
      await send('one', 1, stranger); // a key is its service's own
      await send('two', 2);
      await seen.reach(1, ({ job }) => job.n === 2);
      await send('one', 3); // another body under the first key
      const [letter] = await trial.dead(instance);
      expect(letter!.failure.error).toBe('IdConflictError');
      expect(JSON.parse(Buffer.from(letter!.body).toString())).toEqual({ key: 'k', n: 3 });
      expect(letter!.headers.idempotencykey).toBe('one');
      await send('three', 4); // the lane does not wait for it
      await seen.reach(1, ({ job }) => job.n === 4);
      expect([...(await effectsReach(trial, 4))].sort()).toEqual(['k1', 'k1', 'k2', 'k4']);
    });
  });
}
