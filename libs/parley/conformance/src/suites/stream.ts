import { type Call, type Question } from '@parley/contract';
import {
  CallError,
  CallInTransactionError,
  ReplyLostError,
  type StreamContext,
} from '@parley/messaging';
import { DeadlineExceededError } from '@parley/resilience';
import { eventually, Gate, Recorder } from '../harness/recorder';
import type { Job, TestScenario } from '../harness/test-scenario';
import type { TryPromise } from '../suite';

type Items = AsyncIterable<unknown>;
type List = (job: Job, context: StreamContext) => Items;

/**
 * Items, and bytes of them, that a handler is ahead of its reader, at most. Nearly all of the bytes
 * wait in the sockets of the operating system.
 */
const [AHEAD, AHEAD_BYTES] = [64, 64 * 1024 * 1024];
const LARGE = 256 * 1024;

/** Guarantees of streams: calls that are answered by items. */
export function streamPromises(promise: TryPromise): void {
  const streamed = (
    id: Parameters<TryPromise>[0],
    attempt: Parameters<TryPromise>[1],
    needs: Parameters<TryPromise>[2] = [],
  ) => promise(id, attempt, ['streams', ...needs]);

  streamed('T55', async (trial) => {
    const listing = trial.listing();
    const wrong = trial.listing('list-wrong');
    const answer: List = async function* ({ n, text }, { envelope, caller }) {
      for (let i = 0; i < n; i++) yield { key: envelope.correlationid, n: i, text };
      yield { key: caller.service, n };
    };
    await serve(
      trial,
      [listing, answer],
      [
        wrong,
        async function* ({ n }) {
          yield { key: 'k', n, unknown: true };
          yield { key: 'k', n: 'not a number' };
        },
      ],
    );
    const { messenger, transactions } = await trial.senderInstance();
    const read = await all(messenger.stream(listing, { key: 'k', n: 1_000, text: 'ü\u0000' }));
    expect(read.map(({ n }) => n)).toEqual(Array.from({ length: 1_001 }, (_, n) => n));
    expect(new Set(read.slice(0, -1).map(({ key, text }) => `${key} ${text}`)).size).toBe(1);
    expect([read[0]!.text, read.at(-1)!.key]).toEqual(['ü\u0000', trial.sender]);
    expect(await all(messenger.stream(listing, { key: 'k', n: 0 }))).toHaveLength(1);

    const items: Job[] = [];
    const broken = collect(messenger.stream(wrong, { key: 'k', n: 7 }), items);
    await expect(broken).rejects.toMatchObject({ code: 'invalid-reply' });
    expect(items).toEqual([{ key: 'k', n: 7 }]);
    await expect(all(messenger.stream(listing, { key: 'k' } as Job))).rejects.toThrow('n');
    await expect(
      transactions.run(() => all(messenger.stream(listing, { key: 'k', n: 1 }))),
    ).rejects.toThrow(CallInTransactionError);
  });

  streamed('T56', async (trial) => {
    const listing = trial.listing();
    let made = 0;
    await serve(trial, [
      listing,
      async function* ({ text }) {
        for (;;) yield { key: 'k', n: ++made, text: text!.repeat(made % 2 === 0 ? 1 : LARGE) };
      },
    ]);
    const { messenger } = await trial.senderInstance();
    const bound = AHEAD + (2 * AHEAD_BYTES) / LARGE;
    const items = messenger.stream(listing, { key: 'k', n: 1, text: 'x' });
    for (let read = 1; read <= 400; read++) {
      expect(await items.next()).toMatchObject({ value: { n: read } });
      if (read % 100 !== 1) continue;
      await standing(() => made);
      expect(made - read).toBeLessThanOrEqual(bound);
    }
    await items.return!();
  });

  streamed('T57', async (trial) => {
    const [listing, hanging] = [trial.listing(), trial.listing('list-hanging', '500ms')];
    const ended = new Recorder<string>();
    const endless: List = async function* ({ key }, { signal }) {
      try {
        for (let n = 1; ; n++) {
          yield { key, n };
          if (key === 'left') continue;
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          return;
        }
      } finally {
        ended.note(key);
      }
    };
    const owner = await serve(trial, [listing, endless], [hanging, endless]);
    const { messenger } = await trial.senderInstance();
    for await (const { n } of messenger.stream(listing, { key: 'left', n: 1 })) if (n === 3) break;
    await ended.reach(1);
    const answered = ({ outcome }: { outcome: string }) => outcome === 'cancelled';
    await eventually(() => owner.answers.some(answered), 'the metric of the stream that was left');

    const giveUp = new AbortController();
    const { signal } = giveUp;
    const cancelled = messenger.stream(listing, { key: 'cancelled', n: 1 }, { signal });
    await cancelled.next();
    const waits = cancelled.next();
    giveUp.abort(new Error('enough'));
    await expect(waits).rejects.toThrow('enough');
    await ended.reach(2);

    const late = messenger.stream(listing, { key: 'late', n: 1 }, { deadline: '500ms' });
    await late.next();
    await expect(late.next()).rejects.toThrow(DeadlineExceededError);
    await ended.reach(3);

    const silent = messenger.stream(hanging, { key: 'silent', n: 1 });
    await silent.next();
    await expect(silent.next()).rejects.toThrow(DeadlineExceededError);
    await ended.reach(4);

    const unread = messenger.stream(listing, { key: 'not waited for', n: 1 });
    await unread.next();
    const pending = unread.next();
    await unread.return!();
    expect(await pending).toMatchObject({ done: true });
    expect(await ended.reach(5)).toEqual(['left', 'cancelled', 'late', 'silent', 'not waited for']);
  });

  streamed('T58', async (trial) => {
    const listing = trial.listing();
    await serve(trial, [
      listing,
      async function* ({ key, n, text }) {
        for (let i = 1; i <= n; i++) yield { key, n: i, text };
        if (key === 'refused')
          throw new CallError(listing as never, 'refused', { key, n } as never);
        throw new Error('a bug, with a secret');
      },
    ]);
    const { messenger } = await trial.senderInstance();
    // As many as wait for a slow reader on the way.
    for (const n of [0, 3, 40]) {
      const items: Job[] = [];
      const stream = messenger.stream(listing, { key: 'refused', n, text: 'x'.repeat(1_000) });
      const error = await collect(stream, items, turn).catch((error: unknown) => error);
      expect(CallError.is(error, listing, 'refused') && error.details.n).toBe(n);
      expect(items).toHaveLength(n);
    }
    const items: Job[] = [];
    const broken = collect(messenger.stream(listing, { key: 'bug', n: 3 }), items);
    await expect(broken).rejects.toMatchObject({
      code: 'unhandled',
      message: expect.not.stringContaining('secret'),
    });
    expect(items).toHaveLength(3);
  });

  streamed(
    'T59',
    async (trial) => {
      const listing = trial.listing();
      const asked = new Recorder<string>();
      const answerAs = (name: string): [typeof listing, List] => [
        listing,
        async function* ({ key, n }) {
          asked.note(name);
          for (let i = 1; i <= n; i++) yield { key: name, n: i };
          await new Promise(() => undefined);
          yield { key };
        },
      ];
      const first = await serve(trial, answerAs('first'));
      const { messenger } = await trial.senderInstance();
      const stream = messenger.stream(listing, { key: 'k', n: 2 });
      expect((await stream.next()).value).toEqual({ key: 'first', n: 1 });
      expect((await stream.next()).value).toEqual({ key: 'first', n: 2 });
      const lost = stream.next().catch((error: unknown) => error);
      const early = messenger.stream(listing, { key: 'k', n: 0 }, { deadline: '10s' });
      const retried = early.next().catch((error: unknown) => error);
      await asked.reach(2);
      await serve(trial, [
        listing,
        async function* () {
          yield { key: 'second', n: 1 };
        },
      ]);
      first.kill();
      expect(await lost).toBeInstanceOf(ReplyLostError);
      expect(await stream.next()).toMatchObject({ done: true });
      expect(await retried).toMatchObject({ value: { key: 'second' } });
      expect(asked.entries).toEqual(['first', 'first']);
    },
    ['death'],
  );

  streamed('T60', async (trial) => {
    const listing = trial.listing();
    const [finish, ended] = [new Gate(), new Recorder<string>()];
    const first = await serve(trial, [
      listing,
      async function* ({ key }, { signal }) {
        try {
          yield { key: 'first', n: 1 };
          if (key === 'quick') await finish.opened;
          else await new Promise((resolve) => signal.addEventListener('abort', resolve));
          yield { key: 'first', n: 2 };
        } finally {
          ended.note(key);
        }
      },
    ]);
    const { messenger } = await trial.senderInstance();
    const quick = messenger.stream(listing, { key: 'quick', n: 1 });
    const slow = messenger.stream(listing, { key: 'slow', n: 1 });
    await Promise.all([quick.next(), slow.next()]);
    await serve(trial, [
      listing,
      async function* () {
        yield { key: 'second', n: 1 };
      },
    ]);
    await first.messaging.stopConsuming();
    expect((await all(messenger.stream(listing, { key: 'k', n: 1 })))[0]!.key).toBe('second');
    const rest = slow.next();
    const told = expect(rest).rejects.toThrow(/this instance stops; ask again/);
    finish.open();
    expect((await quick.next()).value).toEqual({ key: 'first', n: 2 });
    expect(await quick.next()).toMatchObject({ done: true });
    await first.stop(300);
    await told;
    expect(await ended.reach(2)).toEqual(['quick', 'slow']);
  });
}

const serve = (
  trial: TestScenario,
  ...lists: readonly (readonly [Question, List])[]
): ReturnType<TestScenario['answer']> => {
  const [[contract, list], ...more] = lists as [(typeof lists)[0], ...typeof lists];
  return trial.answer(contract as Call, list as never, more as never);
};

async function collect<T>(
  items: AsyncIterable<T>,
  into: T[],
  between: () => Promise<unknown> = async () => undefined,
): Promise<void> {
  for await (const item of items) {
    into.push(item);
    await between();
  }
}

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const read: T[] = [];
  await collect(items, read);
  return read;
}

const turn = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 5));

/** Resolves when a count has not grown for a while. */
async function standing(count: () => number): Promise<void> {
  for (let before = -1; before !== count();) {
    before = count();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
