import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { broadcast, command, type Kind } from '@parley/contract';
import type { HandlerContext, Technology } from '@parley/messaging';
import { z } from 'zod';
import { Instance } from '../harness/instance';
import { FaultyLink, MemoryDatabases } from '../harness/memory-place';
import { eventually } from '../harness/recorder';
import { TcpProxy } from '../harness/tcp-proxy';
import { handler, type Job, say } from '../harness/test-scenario';

/** Answers a connection in place of the broker. */
export type Answer = (near: Socket) => void;

export interface ComingUp {
  readonly technology: Technology;
  readonly kind: Exclude<Kind, 'call' | 'event'>;
  /** Of the broker itself. */
  readonly url: string;
  readonly port: number;
  readonly options?: Readonly<Record<string, string>>;
  /** The ways in which the broker says "not yet", with what the log tells of each. */
  readonly notYet: Readonly<Record<string, { readonly answer: Answer; readonly told: RegExp }>>;
  /**
   * The connections of a start, in order: those that get the answer, and those that reach the
   * broker. Default: the first two, and of the others the second.
   */
  readonly connections?: readonly ('not yet' | 'through')[];
  /** An answer that does not pass by itself, with the sentence that ends the start. */
  readonly refusal: { readonly answer: Answer; readonly told: RegExp };
  readonly tearDown: (service: string) => Promise<unknown>;
}

/** A start while the broker answers, and is not ready yet. */
export function comingUpSuite(broker: ComingUp): void {
  const { technology, kind, notYet, refusal } = broker;
  const service = `t${randomBytes(4).toString('hex')}`;
  const schema = z.object({ key: z.string(), n: z.int() });
  const contract =
    kind === 'command'
      ? command(`${service}.do`, schema, { key: 'key' })
      : broadcast(`${service}.was-seen`, schema);
  const databases = new MemoryDatabases();
  let told: string[];
  let road: TcpProxy;

  const listening: Technology = {
    ...technology,
    open: (url, context) =>
      technology.open!(url, {
        ...context,
        log: (level, message, details) => {
          told.push(message);
          context.log(level, message, details);
        },
      }),
  };
  const handle = async ({ n }: Job, context: HandlerContext<object>) => {
    if (kind === 'command') databases.record(service, context.tx, String(n));
    else
      await context.transaction(async (tx) => databases.record(service, tx as object, String(n)));
  };
  const start = () => {
    const url = new URL(road.along(broker.url));
    for (const [name, value] of Object.entries(broker.options ?? {}))
      url.searchParams.set(name, value);
    const place = {
      options: {
        urls: { [`${kind}s`]: url.href },
        technologies: [listening],
        store: databases.linked(service, new FaultyLink()),
      },
      kill: () => road.down(),
      alive: () => road.connections > 0,
      close: () => road.close(),
    };
    return Instance.start(service, `${service}-1`, place, [handler(contract, handle)]);
  };

  describe(`a start on ${technology.name}, for ${kind}s`, () => {
    beforeEach(async () => {
      told = [];
      road = await TcpProxy.to(broker.url, broker.port);
    });
    afterEach(() => road.close());
    afterAll(() => broker.tearDown(service), 60_000);

    it.each(Object.keys(notYet))(
      'waits for a broker that answers %s, and tells its answer',
      async (name) => {
        const { answer, told: expected } = notYet[name]!;
        const connections = broker.connections ?? ['not yet', 'not yet', 'through', 'not yet'];
        road.answerNext(...connections.map((what) => (what === 'not yet' ? answer : undefined)));
        const instance = await start();
        try {
          expect(road.unanswered).toBe(0);
          expect(told[0]).toMatch(/^waiting for .* is not ready yet: /);
          expect(told[0]).toMatch(expected);
          const before = databases.effects(service).length;
          await say(instance, contract, { key: 'k', n: 1 });
          await eventually(
            () => databases.effects(service).length > before,
            'a message to be handled',
          );
        } finally {
          await instance.stop();
        }
      },
      60_000,
    );

    it('ends at once when the answer does not pass by itself', async () => {
      road.answerNext(refusal.answer, refusal.answer, refusal.answer);
      await expect(start()).rejects.toThrow(refusal.told);
      expect(told.filter((line) => line.startsWith('waiting for'))).toEqual([]);
    }, 60_000);
  });
}
