import type { HandlerContext } from '@parley/messaging';
import type { Fixture } from '../harness/fixture';
import { Gate, Recorder } from '../harness/recorder';
import { ODD_TEXTS } from './effects';
import { limitPromises } from './limits';
import { neverSettlingBroadcasts } from './never-settling';
import { suite } from '../suite';
import {
  handler,
  jobs,
  note,
  raw,
  say,
  type Handle,
  type Job,
  type Seen,
} from '../harness/test-scenario';
import { technologyAwayPromise } from './technology-away';
import { unpublishablePromise } from './unpublishable';
import { tryTooLarge, withClaims } from './too-large';

const numbers = (seen: readonly Seen[]): number[] => seen.map(({ job }) => job.n);

/** Guarantees of broadcasts: in real time, to every subscriber that is connected, at most once. */
export function broadcastSuite(fixture: Fixture): void {
  suite('broadcast', fixture, (promise) => {
    unpublishablePromise(promise);
    limitPromises(promise);
    neverSettlingBroadcasts(promise);

    promise('T01', async (trial) => {
      const contract = trial.contract();
      const arrived = new Recorder<{ job: Job; envelope: HandlerContext['envelope'] }>();
      await trial.receive(contract, (job, { envelope }) => arrived.note({ job, envelope }));
      const job = { key: 'a', n: 1, text: 'as it was' };
      const sent = raw(contract, job);
      await trial.inject(sent);
      const [one] = await arrived.reach(1);
      const { traceparent, ...rest } = JSON.parse(
        JSON.stringify(sent.envelope),
      ) as HandlerContext['envelope'];
      expect(one!.job).toEqual(job);
      expect(one!.envelope).toMatchObject(rest);
      expect(one!.envelope.traceparent.slice(0, 35)).toBe(traceparent.slice(0, 35));
    });

    promise('T03', async (trial) => {
      const received = ['one', 'two', 'three'].map((name) => ({
        contract: trial.contract(`bell-${name}`),
        seen: trial.journal(),
      }));
      const [first, ...others] = received;
      await trial.receive(first!.contract, note(first!.seen), {
        beside: others.map(({ contract, seen }) => handler(contract, note(seen))),
      });
      await Promise.all(
        received.map(({ contract }, place) =>
          trial.send(contract, ...jobs(20).map((job) => ({ ...job, n: job.n + place * 100 }))),
        ),
      );
      for (const [place, { seen }] of received.entries()) {
        await seen.reach(20);
        expect(numbers(seen.entries).every((n) => Math.floor(n / 100) === place)).toBe(true);
      }
    });

    promise('T06', async (trial) => {
      const contract = trial.contract();
      const journals = [trial.journal(), trial.journal(), trial.journal()];
      for (const seen of journals) await trial.receive(contract, note(seen));
      await trial.send(contract, ...jobs(20));
      for (const seen of journals) {
        await seen.reach(20);
        expect(new Set(numbers(seen.entries)).size).toBe(20);
      }
    });

    promise('T07', async (trial) => {
      const contract = trial.contract();
      const [early, late] = [trial.journal(), trial.journal()];
      await trial.receive(contract, note(early));
      await trial.send(contract, { key: 'k', n: 1 });
      await early.reach(1);
      await trial.receive(contract, note(late));
      await trial.send(contract, { key: 'k', n: 2 });
      await late.reach(1);
      expect(numbers(late.entries)).toEqual([2]);
    });

    promise('T13', async (trial) => {
      const contract = trial.contract();
      const arrived = new Recorder<{ job: Job; correlationid: string }>();
      await trial.receive(contract, (job, { envelope: { correlationid } }) =>
        arrived.note({ job, correlationid }),
      );
      const said = ODD_TEXTS.map((text, n) => ({
        job: { key: text, n, text: `${text}\u0000` },
        correlationid: `x${text}x`,
      }));
      for (const { job, correlationid } of said)
        await trial.inject(raw(contract, job, { correlationid }));
      await arrived.reach(said.length);
      expect([...arrived.entries].sort((a, b) => a.job.n - b.job.n)).toEqual(said);
    });

    promise('T14', (trial) =>
      withClaims(async (claims) => {
        const contract = trial.contract();
        const seen = trial.journal();
        await trial.receive(contract, note(seen), { claims });
        const large = 'x'.repeat(trial.features.largest ?? 1_000_000);
        await trial.inject(raw(contract, Buffer.alloc(0)));
        await trial.send(contract, { key: 'k', n: 1, text: large });
        const [job] = await seen.reach(1);
        expect(job!.job.text).toHaveLength(large.length);
        await tryTooLarge(trial, contract, seen, claims);
      }),
    );

    promise('T27', async (trial) => {
      const contract = trial.contract();
      const seen = trial.journal();
      await trial.receive(contract, note(seen));
      await trial.inject(
        ...[
          Buffer.from([0xff, 0, 0x7b]),
          Buffer.from('{"key"'),
          Buffer.from('['.repeat(3_000)),
          Buffer.from('{"key":1}'),
        ].map((body) => raw(contract, body)),
      );
      await trial.send(contract, { key: 'k', n: 1 });
      await seen.reach(1);
      expect(numbers(seen.entries)).toEqual([1]);
    });

    promise('T30', async (trial) => {
      const contract = trial.contract();
      const seen = trial.journal();
      await trial.receive(contract, note(seen));
      const sender = await trial.senderInstance();
      const rolledBack = sender.transactions.run(
        async () => (
          await say(sender, contract, { key: 'k', n: 1 }),
          Promise.reject(new Error('no'))
        ),
      );
      await expect(rolledBack).rejects.toThrow('no');
      await sender.transactions.run(() => say(sender, contract, { key: 'k', n: 2 }));
      await seen.reach(1);
      await trial.send(contract, { key: 'k', n: 3 });
      await seen.reach(2);
      expect(numbers(seen.entries)).toEqual([2, 3]);
    });

    promise(
      'T31',
      async (trial) => {
        const contract = trial.contract();
        const seen = trial.journal();
        await trial.receive(contract, note(seen));
        const doomed = await trial.instance(trial.sender);
        if (trial.offers('outbox')) expect(doomed.place.way!.down()).toBeGreaterThan(0);
        await doomed.transactions.run(() => say(doomed, contract, { key: 'k', n: 1 }));
        doomed.kill();
        await trial.instance(trial.sender);
        await seen.reach(1);
      },
      ['death'],
    );

    promise('T32', async (trial) => {
      const contract = trial.contract();
      const seen = trial.journal();
      await trial.receive(contract, note(seen));
      const sender = await trial.senderInstance();
      const failed = sender.transactions.run(async () => {
        await say(sender, contract, { key: 'k', n: 1 });
        await sender.messenger.outside.broadcast(contract as never, { key: 'k', n: 2 } as never);
        throw new Error('no');
      });
      await expect(failed).rejects.toThrow('no');
      await trial.send(contract, { key: 'k', n: 3 });
      await seen.reach(2);
      expect(numbers(seen.entries)).toEqual([2, 3]);
    });

    technologyAwayPromise(promise);

    promise('T42', async (trial) => {
      const contract = trial.contract();
      const [begun, finish] = [new Gate(), new Gate()];
      const [seen, done, other] = [trial.journal(), trial.journal(), trial.journal()];
      const handle: Handle = async (job, context) => {
        note(seen)(job, context);
        begun.open();
        await finish.opened;
        note(done)(job, context);
      };
      const first = await trial.receive(contract, handle);
      await trial.receive(contract, note(other));
      await trial.send(contract, { key: 'k', n: 1 });
      await begun.opened;
      await first.messaging.stopConsuming();
      await trial.send(contract, { key: 'k', n: 2 });
      await other.reach(2);
      const stopped = first.stop();
      finish.open();
      await stopped;
      expect([numbers(seen.entries), numbers(done.entries)]).toEqual([[1], [1]]);
    });

    promise('T47', async (trial) => {
      const [contract, afterwards] = [trial.contract(), trial.afterwards()];
      const seen = new Recorder<HandlerContext['envelope']>();
      const handle: Handle = async (job, { envelope }) => {
        seen.note(envelope);
        await say(instance, afterwards, job);
      };
      const instance = await trial.receive(contract, handle, {
        beside: [handler(afterwards, (_, { envelope }) => seen.note(envelope))],
      });
      await trial.inject(raw(contract, { key: 'k', n: 1 }, { correlationid: 'a-conversation' }));
      const [cause, follow] = await seen.reach(2);
      expect(follow).toMatchObject({ correlationid: 'a-conversation', causationid: cause!.id });
      expect(follow!.traceparent.split('-')[1]).toBe(cause!.traceparent.split('-')[1]);
    });
  });
}
