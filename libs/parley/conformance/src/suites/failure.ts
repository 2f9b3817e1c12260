import { UnrecoverableError } from '@parley/messaging';
import {
  AT_ONCE,
  NEVER_AGAIN,
  OWN,
  effect,
  effectsReach,
  expectOrderPerKey,
  keyOf,
  numbers,
  sorted,
  upTo,
} from './effects';
import { eventually, Gate, Recorder } from '../harness/recorder';
import type { TryPromise } from '../suite';
import { handler, jobs, note, raw, type Handle, type Job } from '../harness/test-scenario';

/**
 * Failed messages are retried as their policy says, kept as dead letters when they cannot succeed,
 * and delay no other message.
 */
export function failurePromises(promise: TryPromise): void {
  promise('T11', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    const done = trial.journal();
    const handle: Handle = (job, context) => {
      note(seen)(job, context);
      if (job.key === 'bad' && job.n === 1 && context.attempt === 1) throw new Error('not yet');
      note(done)(job, context);
    };
    await trial.receive(contract, handle, { options: { retry: { immediate: 0, delays: ['1s'] } } });
    await trial.send(contract, ...jobs(5, () => 'bad'), ...jobs(5, () => 'good'));
    await done.reach(10);
    const keys = done.entries.map(keyOf);
    expect(keys.slice(0, 5)).toEqual(Array(5).fill('good'));
    expect(numbers(done.entries.filter(({ job }) => job.key === 'bad'))).toEqual(upTo(5));
    expect(seen.entries.filter(({ job }) => job.key === 'bad')).toHaveLength(6);
  });

  promise('T18', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    const handle: Handle = (job, context) => {
      note(seen)(job, context);
      if (context.attempt === 1) throw new Error('no luck');
    };
    await trial.receive(contract, handle, { options: AT_ONCE });
    await trial.send(contract, { key: 'k', n: 1 });
    const [first, second] = await seen.reach(2);
    expect(second).toEqual({ ...first, attempt: 2 });
  });

  promise('T19', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    const handle: Handle = (job, context) => {
      note(seen)(job, context);
      throw new Error('never');
    };
    const instance = await trial.receive(contract, handle, {
      options: { retry: { immediate: 2, delays: ['20ms'] } },
    });
    await trial.send(contract, { key: 'k', n: 1 });
    const [letter] = await trial.dead(instance);
    expect(seen.entries.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 2, 2, 2]);
    expect(letter!.failure.tries).toBe(6);
  });

  promise('T20', async (trial) => {
    const contract = trial.contract();
    const at: number[] = [];
    const seen = trial.journal();
    const handle: Handle = (job, context) => {
      at.push(performance.now());
      note(seen)(job, context);
      if (context.attempt === 1) throw new Error('later');
    };
    await trial.receive(contract, handle, { options: { retry: { immediate: 1, delays: ['1s'] } } });
    await trial.send(contract, { key: 'k', n: 1 });
    await seen.reach(3);
    expect(seen.entries.map(({ attempt }) => attempt)).toEqual([1, 1, 2]);
    expect(at[2]! - at[1]!).toBeGreaterThanOrEqual(995);
    expect(at[2]! - at[1]!).toBeLessThanOrEqual(1_000 + (trial.features.lateness ?? 1_000));
  });

  promise('T21', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    const failed = new Gate();
    const at: number[] = [];
    const interest = { options: { retry: { immediate: 0, delays: ['1500ms'] as const } } };
    const first = await trial.receive(
      contract,
      () => (failed.open(), at.push(performance.now()), Promise.reject(new Error('later'))),
      interest,
    );
    await trial.send(contract, { key: 'k', n: 1 });
    await failed.opened;
    await first.handlings.reach(1);
    await first.stop();
    await trial.receive(
      contract,
      (job, context) => (at.push(performance.now()), note(seen)(job, context)),
      interest,
    );
    const [again] = await seen.reach(1);
    expect(again!.attempt).toBe(2);
    expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(1_495);
  });

  promise('T22', async (trial) => {
    const contract = trial.contract();
    const instance = await trial.receive(
      contract,
      () => Promise.reject(new TypeError('what a pity')),
      { options: AT_ONCE },
    );
    const sent = raw(contract, Buffer.from('{ "key" : "k",\n "n":1, "more": "Größe" }'), {
      partitionkey: 'k',
    });
    const before = Date.now();
    await trial.inject(sent);
    const [letter] = await trial.dead(instance);
    expect(letter!.headers).toMatchObject(JSON.parse(JSON.stringify(sent.envelope)) as object);
    expect(Buffer.from(letter!.body)).toEqual(sent.body);
    expect(letter!.subscription).toContain(trial.receiver);
    expect(letter!.failure).toMatchObject({
      error: 'TypeError',
      message: 'what a pity',
      tries: 2,
      instance: instance.name,
    });
    expect(letter!.failure.stack).toContain('what a pity');
    expect(Date.parse(letter!.failure.firstFailedAt)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(letter!.failure.lastFailedAt)).toBeGreaterThanOrEqual(
      Date.parse(letter!.failure.firstFailedAt),
    );
    expect(letter!.died.getTime()).toBeGreaterThanOrEqual(before - 1_000);
  });

  promise('T23', async (trial) => {
    const contract = trial.contract();
    const seen = new Recorder<{ text?: string; correlationid: string }>();
    const handle: Handle = (job, { envelope, attempt }) => {
      seen.note({ text: job.text, correlationid: envelope.correlationid });
      Object.assign(envelope, { correlationid: 'forged' });
      job.text = 'forged';
      if (attempt === 1) throw new Error('again');
    };
    await trial.receive(contract, handle, {
      options: { retry: { immediate: 1, delays: ['10ms'] } },
    });
    await trial.inject(raw(contract, { key: 'k', n: 1, text: 'true' }, { correlationid: 'true' }));
    await seen.reach(3);
    expect(seen.entries).toEqual(Array(3).fill({ text: 'true', correlationid: 'true' }));
  });

  promise('T24', async (trial) => {
    const contract = trial.contract();
    const [loose, copies] = [trial.contract('do-any-job', false), 20];
    const seen = trial.journal();
    const handle: Handle = (job, context) => {
      note(seen)(job, context);
      throw new UnrecoverableError('why try again');
    };
    const instance = await trial.receive(contract, handle, {
      beside: trial.kind === 'command' ? [handler(loose, handle)] : [],
    });
    await trial.send(contract, { key: 'k', n: 1 });
    const [letter] = await trial.dead(instance);
    expect(letter!.failure).toMatchObject({ error: 'UnrecoverableError', tries: 1 });
    expect(seen.entries).toHaveLength(1);
    if (trial.kind !== 'command') return;
    // Nothing orders copies of a message without a key: they die at the same moment.
    const copy = raw(loose, { key: 'c', n: 2 });
    await Promise.all(Array.from({ length: copies }, () => trial.inject(copy)));
    await instance.handlings.reach(1 + copies);
    await instance.stop();
    const later = await trial.receive(contract, handle);
    expect((await later.deadLetters()).map(({ body }) => jobOf(body))).toEqual(['k1', 'c2']);
  });

  promise(
    'T25',
    async (trial) => {
      const contract = trial.contract();
      const seen = trial.journal();
      const handle: Handle = async (job, context) => {
        note(seen)(job, context);
        if (seen.entries.length > 1) return;
        expect(instance.place.cut!()).toBeGreaterThan(0);
        throw new UnrecoverableError('and the evidence cannot be stored');
      };
      const instance = await trial.receive(contract, handle, { options: OWN });
      await trial.send(contract, { key: 'k', n: 1 });
      await eventually(
        async () =>
          seen.entries.length > 1 || (await instance.deadLetters().catch(() => [])).length > 0,
        'the message: handled again, or dead',
        45_000,
      );
    },
    ['cuts'],
  );

  promise('T26', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    const isPoison = ({ n }: Job) => n % 20 === 0;
    const handle: Handle = (job, context) => {
      if (isPoison(job)) throw new Error('poison');
      note(seen)(job, context);
    };
    const instance = await trial.receive(contract, handle, { options: NEVER_AGAIN });
    const said = jobs(100, (n) => (n % 20 === 0 ? `bad${n}` : `k${n % 7}`));
    await trial.send(contract, ...said);
    await seen.reach(95);
    expect(sorted(numbers(seen.entries))).toEqual(
      said.filter((job) => !isPoison(job)).map(({ n }) => n),
    );
    expectOrderPerKey(seen.entries);
    expect(await trial.dead(instance, 5)).toHaveLength(5);
  });

  promise('T27', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    const instance = await trial.receive(contract, note(seen));
    const bodies = [
      Buffer.from([0xff, 0xfe, 0x00, 0x7b]),
      Buffer.from('{"key":"k","n":'),
      Buffer.from(`${'['.repeat(3_000)}${']'.repeat(3_000)}`),
      Buffer.from('{"key":"k"}'),
    ];
    await trial.inject(...bodies.map((body) => raw(contract, body)));
    await trial.send(contract, { key: 'k', n: 1 });
    const letters = await trial.dead(instance, bodies.length);
    await seen.reach(1);
    expect(numbers(seen.entries)).toEqual([1]);
    const kept = letters.map(({ body }) => Buffer.from(body).toString('latin1')).sort();
    expect(kept).toEqual(bodies.map((body) => body.toString('latin1')).sort());
    expect(letters.map(({ failure }) => failure.tries)).toEqual([0, 0, 0, 0]);
  });

  promise('T29', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    let broken = true;
    const handle: Handle = async (job, context) => {
      if (broken) throw new UnrecoverableError('a bug');
      await effect(trial, seen)(job, context);
    };
    const instance = await trial.receive(contract, handle);
    const sent = raw(contract, { key: 'k', n: 1 });
    await trial.inject(sent);
    await trial.send(contract, { key: 'k', n: 2 });
    const [letter] = await trial.dead(instance);
    broken = false;
    const { deadLetters } = instance.store.lanes;
    const replays = await Promise.all([
      deadLetters.replay(letter!.id),
      deadLetters.replay(letter!.id),
    ]);
    expect(replays.filter((replayed) => replayed)).toHaveLength(1);
    await seen.reach(2);
    await trial.inject(sent);
    await trial.send(contract, { key: 'k', n: 3 });
    await seen.reach(1, ({ job }) => job.n === 3);
    expect(await effectsReach(trial, 3)).toEqual(['k1', 'k2', 'k3']);
  });

  promise('T46', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    let broken = true;
    const handle: Handle = async (job, context) => {
      if (broken) throw new Error('what it needs is down');
      await effect(trial, seen)(job, context);
    };
    const circuitBreaker = {
      minimumThroughput: 10,
      failureRatio: 0.5,
      breakDuration: '300ms',
      maxBreakDuration: '300ms',
    } as const;
    const instance = await trial.receive(contract, handle, {
      options: NEVER_AGAIN,
      circuitBreaker,
      concurrency: 4,
    });
    await trial.send(contract, ...jobs(60, (n) => `k${n}-`));
    await eventually(
      async () =>
        (await instance.messaging.introspection.health()).intakes.some(
          ({ state }) => state === 'paused',
        ),
      'the pause',
    );
    broken = false;
    const died = () => instance.deadLetters().then(({ length }) => length);
    const ended = async () =>
      [
        ...(await trial.effects()),
        ...(await instance.deadLetters()).map(({ body }) => jobOf(body)),
      ].sort();
    const all = jobs(60, (n) => `k${n}-`).map(({ key, n }) => `${key}${n}`);
    await eventually(
      async () => (await ended()).length >= 60,
      'all to be handled, or dead since before the pause',
    ).catch(async (error: Error) => {
      error.message += `; ended did ${(await ended()).join(' ')}`;
      throw error;
    });
    expect(await ended()).toEqual(all.sort());
    expect(await died()).toBeLessThan(30);
    expect(
      (await instance.messaging.introspection.health()).intakes.map(({ state }) => state),
    ).toEqual(['consuming']);
  });
}

const jobOf = (body: Buffer): string => {
  const { key, n } = JSON.parse(Buffer.from(body).toString()) as Job;
  return `${key}${n}`;
};
