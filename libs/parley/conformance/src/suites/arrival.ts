import { randomUUID } from 'node:crypto';
import type { HandlerContext } from '@parley/messaging';
import {
  OWN,
  ODD_TEXTS,
  effect,
  effectsReach,
  expectOrderPerKey,
  numbers,
  pause,
  sorted,
  upTo,
} from './effects';
import { Recorder } from '../harness/recorder';
import type { TryPromise } from '../suite';
import { tryTooLarge, withClaims } from './too-large';
import {
  handler,
  jobs,
  note,
  raw,
  say,
  type Handle,
  type Job,
  type TestScenario,
} from '../harness/test-scenario';

/** Messages arrive complete, in order, across consumers, whichever side starts first. */
export function arrivalPromises(promise: TryPromise): void {
  promise('T01', async (trial) => {
    const contract = trial.contract();
    const contexts = new Recorder<{ job: Job; envelope: HandlerContext['envelope'] }>();
    await trial.receive(contract, (job, { envelope }) => contexts.note({ job, envelope }));
    const job = { key: 'a', n: 1, text: 'as it was' };
    const now = Date.now();
    const sent = raw(contract, job, {
      causationid: randomUUID(),
      expirytime: new Date(now + 60_000).toISOString(),
    });
    await trial.inject(sent);
    const [arrived] = await contexts.reach(1);
    const { traceparent, ...rest } = sent.envelope;
    expect(arrived!.job).toEqual(job);
    expect(arrived!.envelope).toMatchObject(JSON.parse(JSON.stringify(rest)) as object);
    expect(arrived!.envelope.traceparent.slice(0, 35)).toBe(traceparent.slice(0, 35));
  });

  promise('T02', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    for (let i = 0; i < 2; i++) await trial.receive(contract, effect(trial, seen));
    const senders = await Promise.all([trial.senderInstance(), trial.instance(trial.sender)]);
    const said = jobs(200, (n) => `k${n % 23}-`);
    await Promise.all(said.map((job) => say(senders[job.n % 2]!, contract, job)));
    const effects = await effectsReach(trial, 200);
    expect([...effects].sort()).toEqual(said.map(({ key, n }) => `${key}${n}`).sort());
  });

  promise('T03', async (trial) => {
    const journals = await Promise.all(
      ['one', 'two', 'three', 'four'].map(async (name) => {
        const contract = trial.contract(`do-${name}`);
        return { contract, seen: trial.journal(), subscription: name };
      }),
    );
    const [first, ...others] = journals;
    const beside = others.map(({ contract, seen, subscription }) =>
      handler(contract, note(seen), { subscription }),
    );
    await trial.receive(first!.contract, note(first!.seen), {
      subscription: first!.subscription,
      beside,
    });
    await Promise.all(
      journals.map(({ contract }, place) =>
        trial.send(contract, ...jobs(10).map(({ n }) => ({ key: `k${n}`, n: n + place * 100 }))),
      ),
    );
    for (const [place, { seen }] of journals.entries()) {
      await seen.reach(10);
      expect(sorted(numbers(seen.entries))).toEqual(upTo(10).map((n) => n + place * 100));
    }
  });

  promise(
    'T08',
    async (trial) => {
      const contract = trial.contract();
      await trial.send(contract, ...jobs(3));
      const seen = trial.journal();
      await trial.receive(contract, note(seen));
      expect(numbers(await seen.reach(3))).toEqual([1, 2, 3]);
    },
    ['persistent'],
  );

  promise('T10', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    for (let i = 0; i < 2; i++) await trial.receive(contract, note(seen));
    await Promise.all(
      ['a', 'b', 'c', 'd', 'e'].map((key) => trial.send(contract, ...jobs(20, () => key))),
    );
    await seen.reach(100);
    expect(seen.entries).toHaveLength(100);
    expectOrderPerKey(seen.entries);
  });

  promise('T13', async (trial) => {
    const contract = trial.contract();
    const seen = new Recorder<{ job: Job; partitionkey?: string; correlationid: string }>();
    await trial.receive(contract, (job, { envelope: { partitionkey, correlationid } }) =>
      seen.note({ job, partitionkey, correlationid }),
    );
    const accepted: Job[] = [];
    for (const [index, text] of ODD_TEXTS.entries()) {
      const job = { key: text, n: index, text: `${text}\u0000${text}` };
      await trial.inject(raw(contract, job, { correlationid: `x${text}x` })).then(
        () => accepted.push(job),
        () => undefined,
      );
    }
    expect(accepted.length).toBeGreaterThanOrEqual(ODD_TEXTS.length - 1);
    await seen.reach(accepted.length);
    for (const job of accepted) {
      const arrived = seen.entries.find((entry) => entry.job.n === job.n)!;
      expect(arrived).toEqual({ job, partitionkey: job.key, correlationid: `x${job.key}x` });
    }
  });

  promise('T14', (trial) =>
    withClaims(async (claims) => {
      const contract = trial.contract();
      const seen = trial.journal();
      const instance = await trial.receive(contract, note(seen), { claims });
      const large = 'x'.repeat(trial.features.largest ?? 1_000_000);
      await trial.inject(raw(contract, Buffer.alloc(0)));
      await trial.send(contract, { key: 'large', n: 1, text: large });
      expect((await seen.reach(1))[0]!.job.text).toHaveLength(large.length);
      const [empty] = await trial.dead(instance);
      expect(Buffer.from(empty!.body)).toHaveLength(0);
      await tryTooLarge(trial, contract, seen, claims);
    }),
  );

  promise('T16', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    let running = 0;
    let most = 0;
    const handle: Handle = async (job, context) => {
      most = Math.max(most, ++running);
      await pause(15);
      running--;
      note(seen)(job, context);
    };
    await trial.send(contract, ...jobs(30, (n) => `k${n}`));
    await trial.receive(contract, handle, { concurrency: 3, options: OWN });
    await seen.reach(30);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(3);
  });

  promise('T17', async (trial) => {
    await changeConcurrency(trial, true);
    if (trial.kind === 'command') await changeConcurrency(trial, false);
  });

  promise('T47', async (trial) => {
    const [contract, afterwards] = [trial.contract(), trial.afterwards()];
    const seen = new Recorder<HandlerContext['envelope']>();
    const handle: Handle = async (job, { envelope }) => {
      seen.note(envelope);
      await say(instance, afterwards, job);
    };
    const beside = [
      handler(afterwards, (_, { envelope }) => seen.note(envelope), { subscription: 'followers' }),
    ];
    const instance = await trial.receive(contract, handle, { beside });
    await trial.inject(raw(contract, { key: 'k', n: 1 }, { correlationid: 'a-conversation' }));
    const [cause, follow] = await seen.reach(2);
    expect(follow).toMatchObject({
      correlationid: 'a-conversation',
      causationid: cause!.id,
      source: `/${trial.receiver}`,
    });
    expect(traceOf(follow!.traceparent)).toBe(traceOf(cause!.traceparent));
    expect(follow!.traceparent).not.toBe(cause!.traceparent);
  });
}

/** From 2 to 6 to 1, while handlings run that only the test can end. */
async function changeConcurrency(trial: TestScenario, keyed: boolean): Promise<void> {
  const contract = trial.contract(keyed ? 'do-job' : 'do-any-job', keyed);
  const seen = trial.journal();
  const running: (() => void)[] = [];
  const handle: Handle = async (job, context) => {
    note(seen)(job, context);
    await new Promise<void>((end) => running.push(end));
    await context.transaction((tx) => trial.record(tx, `${job.n}-${keyed}`));
  };
  await trial.send(contract, ...jobs(20, (n) => `k${n}`));
  const instance = await trial.receive(contract, handle, { concurrency: 2, options: OWN });
  const { name } = instance.messaging.registry.subscriptions(trial.kind)[0]!;
  await seen.reach(2);
  expect(instance.messaging.setConcurrency(name, 6)).toBe(2);
  await seen.reach(6);
  instance.messaging.setConcurrency(name, 1);
  for (let ended = 1; ended <= 5; ended++) {
    running.shift()!();
    await instance.handlings.reach(ended);
  }
  await pause(50); // for one that begins although it may not
  expect([running.length, seen.entries.length]).toEqual([1, 6]);
  for (let next = 7; next <= 20; next++) {
    running.shift()!();
    await seen.reach(next);
    expect(running).toHaveLength(1);
  }
  running.shift()!();
  await instance.handlings.reach(20);
  expect(sorted(numbers(seen.entries))).toEqual(upTo(20));
  expect((await trial.effects()).filter((effect) => effect.endsWith(`-${keyed}`))).toHaveLength(20);
  await instance.stop();
}

const traceOf = (traceparent: string): string => traceparent.split('-')[1]!;
