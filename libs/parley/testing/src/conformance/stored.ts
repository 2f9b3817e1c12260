import { randomUUID } from 'node:crypto';
import type { Contract } from '@parley/contract';
import { Unrecoverable, type HandlerContext } from '@parley/messaging';
import type { Instance } from './instance';
import { eventually, Gate, Journal } from './journal';
import { outagePromise } from './outage';
import type { TryPromise } from './suite';
import { handler, jobs, note, raw, say, type Handle, type Job, type Seen, type Trial } from './trial';
import { tryTooLarge, withClaims } from './too-large';

/*
 * What commands and events promise alike: they are stored, delivered until they took effect, and kept when they cannot.
 */

const AT_ONCE = { retry: { immediate: 0, delays: ['10ms'] } } as const;
const NEVER_AGAIN = { retry: { immediate: 0, delays: [] } } as const;
const OWN = { transaction: 'own' } as const;

const numbers = (seen: readonly Seen[]): number[] => seen.map(({ job }) => job.n);
const sorted = (list: readonly number[]): number[] => [...list].sort((a, b) => a - b);
const upTo = (count: number): number[] => jobs(count).map(({ n }) => n);
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const keyOf = ({ job }: Seen): string => job.key;

/** Handles, notes it in the journal and, in the transaction, in the database. */
const effect =
  (trial: Trial, seen: Journal<Seen>, service?: string): Handle =>
  async (job, context) => {
    note(seen)(job, context);
    await trial.record(context.tx, `${job.key}${job.n}`, service);
  };

/** Effects appear when their transactions commit, which is after their handlers were seen. */
export async function effectsReach(trial: Trial, count: number, service?: string): Promise<readonly string[]> {
  return eventually(async () => {
    const effects = await trial.effects(service);
    return effects.length >= count && effects;
  }, `${count} effects`);
}

function expectOrderPerKey(seen: readonly Seen[]): void {
  for (const key of new Set(seen.map(keyOf))) {
    const order = numbers(seen.filter((one) => keyOf(one) === key));
    expect(order).toEqual(sorted(order));
  }
}

/** The first time somebody is seen at it counts; redeliveries after a crash may repeat, but not run backwards. */
function firstTimes(seen: readonly Seen[]): Seen[] {
  const known = new Set<string>();
  return seen.filter(({ id }) => !known.has(id) && known.add(id));
}

/** Says a message as part of a transaction of the speaker's. */
async function sayInTransaction(speaker: Instance, contract: Contract, ...all: Job[]): Promise<void> {
  await speaker.transactions.run(async () => {
    for (const job of all) await say(speaker, contract, job);
  });
}

export function storedPromises(promise: TryPromise): void {
  promise('T01', async (trial) => {
    const contract = trial.contract();
    const contexts = new Journal<{ job: Job; envelope: HandlerContext['envelope'] }>();
    await trial.hear(contract, (job, { envelope }) => contexts.note({ job, envelope }));
    const job = { key: 'a', n: 1, text: 'as it was' };
    const sent = raw(contract, job, { causationid: randomUUID(), expirytime: new Date(Date.now() + 60_000).toISOString() });
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
    for (let i = 0; i < 2; i++) await trial.hear(contract, effect(trial, seen));
    const speakers = await Promise.all([trial.speaks(), trial.instance(trial.speaker)]);
    const said = jobs(200, (n) => `k${n % 23}-`);
    await Promise.all(said.map((job) => say(speakers[job.n % 2]!, contract, job)));
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
    const beside = others.map(({ contract, seen, subscription }) => handler(contract, note(seen), { subscription }));
    await trial.hear(first!.contract, note(first!.seen), { subscription: first!.subscription, beside });
    await Promise.all(journals.map(({ contract }, place) => trial.say(contract, ...jobs(10).map(({ n }) => ({ key: `k${n}`, n: n + place * 100 })))));
    for (const [place, { seen }] of journals.entries()) {
      await seen.reach(10);
      expect(sorted(numbers(seen.entries))).toEqual(upTo(10).map((n) => n + place * 100));
    }
  });

  promise('T08', async (trial) => {
    const contract = trial.contract();
    await trial.say(contract, ...jobs(3));
    const seen = trial.journal();
    await trial.hear(contract, note(seen));
    expect(numbers(await seen.reach(3))).toEqual([1, 2, 3]);
  }, ['persistent']);

  promise('T10', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    for (let i = 0; i < 2; i++) await trial.hear(contract, note(seen));
    await Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => trial.say(contract, ...jobs(20, () => key))));
    await seen.reach(100);
    expect(seen.entries).toHaveLength(100);
    expectOrderPerKey(seen.entries);
  });

  promise('T11', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    const done = trial.journal();
    const handle: Handle = (job, context) => {
      note(seen)(job, context);
      if (job.key === 'bad' && job.n === 1 && context.attempt === 1) throw new Error('not yet');
      note(done)(job, context);
    };
    await trial.hear(contract, handle, { options: { retry: { immediate: 0, delays: ['1s'] } } });
    await trial.say(contract, ...jobs(5, () => 'bad'), ...jobs(5, () => 'good'));
    await done.reach(10);
    const keys = done.entries.map(keyOf);
    expect(keys.slice(0, 5)).toEqual(Array(5).fill('good'));
    expect(numbers(done.entries.filter(({ job }) => job.key === 'bad'))).toEqual(upTo(5));
    expect(seen.entries.filter(({ job }) => job.key === 'bad')).toHaveLength(6);
  });

  promise('T13', async (trial) => {
    const contract = trial.contract();
    const seen = new Journal<{ job: Job; partitionkey?: string; correlationid: string }>();
    await trial.hear(contract, (job, { envelope: { partitionkey, correlationid } }) => seen.note({ job, partitionkey, correlationid }));
    const accepted: Job[] = [];
    for (const [index, text] of ODD_TEXTS.entries()) {
      const job = { key: text, n: index, text: `${text}\u0000${text}` };
      await trial.inject(raw(contract, job, { correlationid: `x${text}x` })).then(() => accepted.push(job), () => undefined);
    }
    expect(accepted.length).toBeGreaterThanOrEqual(ODD_TEXTS.length - 1);
    await seen.reach(accepted.length);
    for (const job of accepted) {
      const arrived = seen.entries.find((entry) => entry.job.n === job.n)!;
      expect(arrived).toEqual({ job, partitionkey: job.key, correlationid: `x${job.key}x` });
    }
  });

  promise('T14', (trial) => withClaims(async (claims) => {
    const contract = trial.contract();
    const seen = trial.journal();
    const instance = await trial.hear(contract, note(seen), { claims });
    const large = 'x'.repeat(trial.features.largest ?? 1_000_000);
    await trial.inject(raw(contract, Buffer.alloc(0)));
    await trial.say(contract, { key: 'large', n: 1, text: large });
    expect((await seen.reach(1))[0]!.job.text).toHaveLength(large.length);
    const [empty] = await trial.dead(instance);
    expect(Buffer.from(empty!.body)).toHaveLength(0);
    await tryTooLarge(trial, contract, seen, claims);
  }));

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
    await trial.say(contract, ...jobs(30, (n) => `k${n}`));
    await trial.hear(contract, handle, { concurrency: 3, options: OWN });
    await seen.reach(30);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(3);
  });

  promise('T17', async (trial) => {
    await changeConcurrency(trial, true);
    if (trial.kind === 'command') await changeConcurrency(trial, false);
  });

  promise('T18', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    const handle: Handle = (job, context) => {
      note(seen)(job, context);
      if (context.attempt === 1) throw new Error('no luck');
    };
    await trial.hear(contract, handle, { options: AT_ONCE });
    await trial.say(contract, { key: 'k', n: 1 });
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
    const instance = await trial.hear(contract, handle, { options: { retry: { immediate: 2, delays: ['20ms'] } } });
    await trial.say(contract, { key: 'k', n: 1 });
    const [letter] = await trial.dead(instance);
    expect(seen.entries.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 2, 2, 2]);
    expect(letter!.failure.tries).toBe(6);
  });

  promise('T20', async (trial) => {
    const contract = trial.contract();
    const at: number[] = [];
    const seen = trial.journal();
    const handle: Handle = (job, context) => {
      at.push(Date.now());
      note(seen)(job, context);
      if (context.attempt === 1) throw new Error('later');
    };
    await trial.hear(contract, handle, { options: { retry: { immediate: 1, delays: ['1s'] } } });
    await trial.say(contract, { key: 'k', n: 1 });
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
    const first = await trial.hear(contract, () => (failed.open(), at.push(Date.now()), Promise.reject(new Error('later'))), interest);
    await trial.say(contract, { key: 'k', n: 1 });
    await failed.opened;
    await first.handlings.reach(1);
    await first.stop();
    await trial.hear(contract, (job, context) => (at.push(Date.now()), note(seen)(job, context)), interest);
    const [again] = await seen.reach(1);
    expect(again!.attempt).toBe(2);
    expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(1_495);
  });

  promise('T22', async (trial) => {
    const contract = trial.contract();
    const instance = await trial.hear(contract, () => Promise.reject(new TypeError('what a pity')), { options: AT_ONCE });
    const sent = raw(contract, Buffer.from('{ "key" : "k",\n "n":1, "more": "Größe" }'), { partitionkey: 'k' });
    const before = Date.now();
    await trial.inject(sent);
    const [letter] = await trial.dead(instance);
    expect(letter!.headers).toMatchObject(JSON.parse(JSON.stringify(sent.envelope)) as object);
    expect(Buffer.from(letter!.body)).toEqual(sent.body);
    expect(letter!.subscription).toContain(trial.hearer);
    expect(letter!.failure).toMatchObject({ error: 'TypeError', message: 'what a pity', tries: 2, instance: instance.name });
    expect(letter!.failure.stack).toContain('what a pity');
    expect(Date.parse(letter!.failure.firstFailedAt)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(letter!.failure.lastFailedAt)).toBeGreaterThanOrEqual(Date.parse(letter!.failure.firstFailedAt));
    expect(letter!.died.getTime()).toBeGreaterThanOrEqual(before - 1_000);
  });

  promise('T23', async (trial) => {
    const contract = trial.contract();
    const seen = new Journal<{ text?: string; correlationid: string }>();
    const handle: Handle = (job, { envelope, attempt }) => {
      seen.note({ text: job.text, correlationid: envelope.correlationid });
      Object.assign(envelope, { correlationid: 'forged' });
      job.text = 'forged';
      if (attempt === 1) throw new Error('again');
    };
    await trial.hear(contract, handle, { options: { retry: { immediate: 1, delays: ['10ms'] } } });
    await trial.inject(raw(contract, { key: 'k', n: 1, text: 'true' }, { correlationid: 'true' }));
    await seen.reach(3);
    expect(seen.entries).toEqual(Array(3).fill({ text: 'true', correlationid: 'true' }));
  });

  promise('T24', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    const handle: Handle = (job, context) => {
      note(seen)(job, context);
      throw new Unrecoverable('why try again');
    };
    const instance = await trial.hear(contract, handle);
    await trial.say(contract, { key: 'k', n: 1 });
    const [letter] = await trial.dead(instance);
    expect(letter!.failure).toMatchObject({ error: 'Unrecoverable', tries: 1 });
    expect(seen.entries).toHaveLength(1);
  });

  promise('T25', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    const handle: Handle = async (job, context) => {
      note(seen)(job, context);
      if (seen.entries.length > 1) return;
      expect(instance.place.cut!()).toBeGreaterThan(0);
      throw new Unrecoverable('and the evidence cannot be stored');
    };
    const instance = await trial.hear(contract, handle, { options: OWN });
    await trial.say(contract, { key: 'k', n: 1 });
    await eventually(async () => seen.entries.length > 1 || (await instance.deadLetters().catch(() => [])).length > 0, 'the message: handled again, or dead', 45_000);
  }, ['cuts']);

  promise('T26', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    const isPoison = ({ n }: Job) => n % 20 === 0;
    const handle: Handle = (job, context) => {
      if (isPoison(job)) throw new Error('poison');
      note(seen)(job, context);
    };
    const instance = await trial.hear(contract, handle, { options: NEVER_AGAIN });
    const said = jobs(100, (n) => (n % 20 === 0 ? `bad${n}` : `k${n % 7}`));
    await trial.say(contract, ...said);
    await seen.reach(95);
    expect(sorted(numbers(seen.entries))).toEqual(said.filter((job) => !isPoison(job)).map(({ n }) => n));
    expectOrderPerKey(seen.entries);
    expect(await trial.dead(instance, 5)).toHaveLength(5);
  });

  promise('T27', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    const instance = await trial.hear(contract, note(seen));
    const bodies = [Buffer.from([0xff, 0xfe, 0x00, 0x7b]), Buffer.from('{"key":"k","n":'), Buffer.from(`${'['.repeat(3_000)}${']'.repeat(3_000)}`), Buffer.from('{"key":"k"}')];
    await trial.inject(...bodies.map((body) => raw(contract, body)));
    await trial.say(contract, { key: 'k', n: 1 });
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
      if (broken) throw new Unrecoverable('a bug');
      await effect(trial, seen)(job, context);
    };
    const instance = await trial.hear(contract, handle);
    const sent = raw(contract, { key: 'k', n: 1 });
    await trial.inject(sent);
    await trial.say(contract, { key: 'k', n: 2 });
    const [letter] = await trial.dead(instance);
    broken = false;
    const { deadLetters } = instance.store.lanes;
    const replays = await Promise.all([deadLetters.replay(letter!.id), deadLetters.replay(letter!.id)]);
    expect(replays.filter((replayed) => replayed)).toHaveLength(1);
    await seen.reach(2);
    await trial.inject(sent);
    await trial.say(contract, { key: 'k', n: 3 });
    await seen.reach(1, ({ job }) => job.n === 3);
    expect(await effectsReach(trial, 3)).toEqual(['k1', 'k2', 'k3']);
  });

  promise('T30', async (trial) => {
    const [contract, afterwards] = [trial.contract(), trial.afterwards()];
    const followed = trial.journal();
    const handle: Handle = async ({ n }, { attempt }) => {
      await say(instance, afterwards, { key: 'k', n: n * 10 + attempt });
      if (attempt === 1) throw new Error('rolled back');
    };
    const beside = [handler(afterwards, note(followed), { subscription: 'followers' })];
    const instance = await trial.hear(contract, handle, { options: AT_ONCE, beside });
    await trial.say(contract, { key: 'k', n: 1 }, { key: 'k', n: 2 });
    await followed.reach(2);
    expect(numbers(followed.entries)).toEqual([12, 22]);
    await expect(instance.transactions.run(async () => (await say(instance, afterwards, { key: 'k', n: 99 }), Promise.reject(new Error('no'))))).rejects.toThrow('no');
    await say(instance, afterwards, { key: 'k', n: 100 });
    await followed.reach(3);
    expect(numbers(followed.entries)).toEqual([12, 22, 100]);
  });

  promise('T31', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    await trial.hear(contract, effect(trial, seen));
    const doomed = await trial.instance(trial.speaker);
    if (trial.offers('outbox')) expect(doomed.place.way!.down()).toBeGreaterThan(0);
    await sayInTransaction(doomed, contract, ...jobs(3));
    doomed.kill();
    await trial.instance(trial.speaker);
    await seen.reach(3);
    expect(await effectsReach(trial, 3)).toEqual(['k1', 'k2', 'k3']);
  }, ['death']);

  promise('T33', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    for (let i = 0; i < 2; i++) await trial.hear(contract, effect(trial, seen));
    const [twice, often] = [raw(contract, { key: 'a', n: 1 }), raw(contract, { key: 'b', n: 2 })];
    await trial.inject(twice);
    await effectsReach(trial, 1);
    await trial.inject(twice);
    await Promise.all(Array.from({ length: 20 }, () => trial.inject(often)));
    // In order per key: whoever sees these has seen all copies.
    await trial.say(contract, { key: 'a', n: 3 }, { key: 'b', n: 4 });
    await seen.reach(2, ({ job }) => job.n > 2);
    expect([...(await effectsReach(trial, 4))].sort()).toEqual(['a1', 'a3', 'b2', 'b4']);
  });

  promise('T35', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    await trial.hear(contract, effect(trial, seen));
    const relays = [await trial.instance(trial.speaker), await trial.instance(trial.speaker), await trial.instance(trial.speaker)];
    const said = jobs(300, (n) => `k${n % 5}-`);
    for (const [index, job] of said.entries()) {
      if (index === 100) relays.shift()!.kill();
      await sayInTransaction(relays[index % relays.length]!, contract, job);
    }
    const effects = await effectsReach(trial, 300);
    expect([...effects].sort()).toEqual(said.map(({ key, n }) => `${key}${n}`).sort());
    expectOrderPerKey(firstTimes(seen.entries));
  }, ['death', 'outbox']);

  promise('T36', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    await trial.hear(contract, effect(trial, seen));
    const speaker = await trial.speaks();
    const sent = raw(contract, { key: 'k', n: 1 });
    await trial.inject(sent);
    await sayInTransaction(speaker, contract, { key: 'k', n: 2 });
    await effectsReach(trial, 2);
    await eventually(async () => (await speaker.store.outbox.state()).waiting === 0, 'the outbox to let go of what was taken');
    await trial.forget(600_000); // younger than that is all of it
    await trial.inject(sent);
    await trial.say(contract, { key: 'k', n: 3 });
    expect(await effectsReach(trial, 3)).toEqual(['k1', 'k2', 'k3']);
    await pause(20);
    await trial.forget(10);
    await trial.inject(sent);
    expect(await effectsReach(trial, 4)).toEqual(['k1', 'k2', 'k3', 'k1']);
  }, ['forgets']);

  promise('T37', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    await trial.hear(contract, note(seen));
    const speaker = await trial.speaks();
    expect(speaker.place.way!.down()).toBeGreaterThan(0);
    await sayInTransaction(speaker, contract, { key: 'k', n: 1 });
    const started = Date.now();
    await expect(say(speaker, contract, { key: 'k', n: 2 })).rejects.toThrow(/\w/);
    expect(Date.now() - started).toBeLessThan(16_000);
    speaker.place.way!.up();
    await seen.reach(1, ({ job }) => job.n === 1, 30_000);
    await eventually(() => say(speaker, contract, { key: 'k', n: 3 }).then(() => true, () => false), 'the technology to be back', 30_000);
    await seen.reach(1, ({ job }) => job.n === 3);
  }, ['outbox']);

  promise('T38', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    await trial.hear(contract, effect(trial, seen));
    const speaker = await trial.speaks();
    // Connections that are there already: nobody can make one with somebody who does not hear.
    await Promise.all(jobs(4, (n) => `early${n}-`).map((job) => say(speaker, contract, job)));
    await effectsReach(trial, 4);
    speaker.place.way!.deafen!();
    await sayInTransaction(speaker, contract, { key: 'k', n: 5 });
    await seen.reach(1, ({ job }) => job.n === 5);
    expect((await speaker.store.outbox.state()).waiting).toBe(1);
    expect(speaker.place.way!.down()).toBeGreaterThan(0);
    speaker.place.way!.up();
    await eventually(async () => (await speaker.store.outbox.state()).waiting === 0, 'the copy to be said', 40_000);
    await eventually(() => say(speaker, contract, { key: 'k', n: 6 }).then(() => true, () => false), 'the technology to be back', 40_000);
    await seen.reach(1, ({ job }) => job.n === 6);
    expect((await effectsReach(trial, 6)).filter((one) => one.startsWith('k'))).toEqual(['k5', 'k6']);
  }, ['confirms']);

  promise('T42', async (trial) => {
    const contract = trial.contract();
    const [begun, finish] = [new Gate(), new Gate()];
    const seen = trial.journal();
    const done = trial.journal();
    const handle: Handle = async (job, context) => {
      note(seen)(job, context);
      begun.open();
      await finish.opened;
      await context.transaction((tx) => trial.record(tx, `${job.key}${job.n}`));
      note(done)(job, context);
    };
    const first = await trial.hear(contract, handle, { options: OWN });
    await trial.say(contract, { key: 'a', n: 1 });
    await begun.opened;
    await first.messaging.stopIntake();
    await trial.say(contract, { key: 'b', n: 2 });
    const drained = first.messaging.drained(5_000).then(() => 'over');
    expect(await Promise.race([drained, new Promise((resolve) => setImmediate(resolve, 'under way'))])).toBe('under way');
    const stopped = first.stop();
    finish.open();
    await stopped;
    expect(numbers(done.entries)).toEqual([1]);
    expect(numbers(seen.entries)).toEqual([1]);
    const next = trial.journal();
    await trial.hear(contract, note(next));
    expect(await next.reach(1)).toMatchObject([{ job: { n: 2 }, attempt: 1 }]);
    expect(await trial.effects()).toEqual(['a1']);
  });

  promise('T43', async (trial) => {
    for (const keyed of [true, false]) {
      const contract = trial.contract(keyed ? 'do-job' : 'do-any-job', keyed);
      const begun = new Gate();
      const told = new Journal<unknown>();
      const handle: Handle = async (_, { signal }) => {
        begun.open();
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        told.note(signal.reason);
        throw new Error('gave up');
      };
      const first = await trial.hear(contract, handle, { options: OWN, subscription: contract.name.split('.')[1] });
      await trial.say(contract, { key: 'k', n: 1 });
      await begun.opened;
      await first.stop(50);
      expect(told.entries).toHaveLength(1);
      const seen = trial.journal();
      const second = await trial.hear(contract, note(seen), { subscription: contract.name.split('.')[1] });
      const [again] = await seen.reach(1);
      expect(again!.job.n).toBe(1);
      if (!keyed || trial.features.exceptions?.T43 === undefined) expect(again!.attempt).toBe(1);
      await second.stop();
    }
  });

  promise('T44', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    const [batches, size] = [4, 50];
    const said = jobs(batches * size, (n) => `k${n % 11}-`);
    for (let batch = 0; batch < batches; batch++) {
      const instance = await trial.hear(contract, effect(trial, seen));
      await trial.say(contract, ...said.slice(batch * size, (batch + 1) * size));
      await instance.stop(); // in the middle of the batch
    }
    await trial.hear(contract, effect(trial, seen));
    const effects = await effectsReach(trial, said.length);
    expect([...effects].sort()).toEqual(said.map(({ key, n }) => `${key}${n}`).sort());
    expectOrderPerKey(firstTimes(seen.entries));
  });

  promise('T45', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    const hearers = [await trial.hear(contract, effect(trial, seen)), await trial.hear(contract, effect(trial, seen))];
    const speaker = await trial.speaks();
    const said = jobs(400, (n) => `k${n % 17}-`);
    for (const job of said) {
      if (job.n % 133 === 0) expect([speaker, ...hearers].map(({ place }) => place.cut!()).every((dropped) => dropped > 0)).toBe(true);
      await eventually(() => say(speaker, contract, job).then(() => true, () => false), `${job.n} to be taken`, 40_000);
    }
    await eventually(async () => new Set(await trial.effects()).size === said.length, 'every effect', 60_000);
    expect((await trial.effects()).filter((one, place, all) => all.indexOf(one) !== place)).toHaveLength(repeatedlySaid(seen.entries));
  }, ['cuts']);

  outagePromise(promise);

  promise('T46', async (trial) => {
    const contract = trial.contract();
    const seen = trial.journal();
    let broken = true;
    const handle: Handle = async (job, context) => {
      if (broken) throw new Error('what it needs is down');
      await effect(trial, seen)(job, context);
    };
    const killSwitch = { least: 10, rate: 0.5, firstWait: '300ms', longestWait: '300ms' } as const;
    const instance = await trial.hear(contract, handle, { options: NEVER_AGAIN, killSwitch, concurrency: 4 });
    await trial.say(contract, ...jobs(60, (n) => `k${n}-`));
    await eventually(async () => (await instance.messaging.health()).intakes.some(({ state }) => state === 'paused'), 'the pause');
    broken = false;
    const died = () => instance.deadLetters().then(({ length }) => length);
    const ended = async () => [...(await trial.effects()), ...(await instance.deadLetters()).map(({ body }) => jobOf(body))].sort();
    const all = jobs(60, (n) => `k${n}-`).map(({ key, n }) => `${key}${n}`);
    await eventually(async () => (await ended()).length >= 60, 'all to be handled, or dead since before the pause').catch(async (error: Error) => {
      error.message += `; ended did ${(await ended()).join(' ')}`;
      throw error;
    });
    expect(await ended()).toEqual(all.sort());
    expect(await died()).toBeLessThan(30);
    expect((await instance.messaging.health()).intakes.map(({ state }) => state)).toEqual(['consuming']);
  });

  promise('T47', async (trial) => {
    const [contract, afterwards] = [trial.contract(), trial.afterwards()];
    const seen = new Journal<HandlerContext['envelope']>();
    const handle: Handle = async (job, { envelope }) => {
      seen.note(envelope);
      await say(instance, afterwards, job);
    };
    const beside = [handler(afterwards, (_, { envelope }) => seen.note(envelope), { subscription: 'followers' })];
    const instance = await trial.hear(contract, handle, { beside });
    await trial.inject(raw(contract, { key: 'k', n: 1 }, { correlationid: 'a-conversation' }));
    const [cause, follow] = await seen.reach(2);
    expect(follow).toMatchObject({ correlationid: 'a-conversation', causationid: cause!.id, source: `/${trial.hearer}` });
    expect(traceOf(follow!.traceparent)).toBe(traceOf(cause!.traceparent));
    expect(follow!.traceparent).not.toBe(cause!.traceparent);
  });
}

/** From 2 to 6 to 1, while handlings run that only the test can end. */
async function changeConcurrency(trial: Trial, keyed: boolean): Promise<void> {
  const contract = trial.contract(keyed ? 'do-job' : 'do-any-job', keyed);
  const seen = trial.journal();
  const running: (() => void)[] = [];
  const handle: Handle = async (job, context) => {
    note(seen)(job, context);
    await new Promise<void>((end) => running.push(end));
    await context.transaction((tx) => trial.record(tx, `${job.n}-${keyed}`));
  };
  await trial.say(contract, ...jobs(20, (n) => `k${n}`));
  const instance = await trial.hear(contract, handle, { concurrency: 2, options: OWN });
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

/** A message whose saying broke off was said again by the test, as another message: that is two effects, rightly. */
function repeatedlySaid(seen: readonly Seen[]): number {
  const ids = new Map<number, Set<string>>();
  for (const { job, id } of seen) ids.set(job.n, (ids.get(job.n) ?? new Set()).add(id));
  return [...ids.values()].reduce((sum, { size }) => sum + size - 1, 0);
}

const jobOf = (body: Buffer): string => {
  const { key, n } = JSON.parse(Buffer.from(body).toString()) as Job;
  return `${key}${n}`;
};
const traceOf = (traceparent: string): string => traceparent.split('-')[1]!;

/** For keys and values; a technology may refuse at most one of them where it is said. */
export const ODD_TEXTS = ['Zürich', '"quotes", 100 %', 'two\nlines\t.', '🚀', ' padded ', 'ک‎ rtl', '{}', "'; drop table --", 'ü'.repeat(200)];

