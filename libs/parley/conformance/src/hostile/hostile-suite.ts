import { randomUUID } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  HOSTILE,
  reasonOf,
  type Attributes,
  type Expected,
  type Good,
  type Hostile,
} from './hostile';

/** The outcome of a message; a refusal has its full reason. */
export type Fate = 'taken' | { readonly refused: string };

/** More bytes than these are refused, for this reason. */
interface Limit {
  readonly bytes: number;
  readonly reason: string;
}

/** A way in which attackers can deliver messages. */
export interface WayIn {
  /** `gRPC`, `straight into the queue` … */
  readonly name: string;
  readonly good: Good;
  /** The wire name of the contract. */
  readonly type: string;
  /** Larger bodies are refused before they are read, for this reason. */
  readonly largest?: Limit & {
    /** The broker refuses them: the CPU until then is that of the attacker's client. */
    readonly byBroker?: boolean;
  };
  /** The same of headers that are written as bytes. */
  readonly largestHeaders?: Limit;
  /** Unknown fields are refused. */
  readonly strict?: boolean;
  /** Dead letters are kept in the memory of this process: their bodies may be left there. */
  readonly keepsInMemory?: boolean;
  /** It is a call, with a deadline. */
  readonly called?: boolean;
  /**
   * Attributes are bytes that the attacker writes, texts under names, or not the attacker's to say
   * at all.
   */
  readonly attributes: 'bytes' | 'texts' | 'none';
  open(): Promise<void>;
  close(): Promise<void>;
  /**
   * Sends it past everything that would refuse it on the sender's side; resolves once its fate is
   * known.
   */
  send(body: Buffer, attributes: Attributes | Buffer): Promise<Fate>;
  /** A valid message from another sender. Resolves when it was handled. */
  neighbour(): Promise<void>;
}

/** Milliseconds for one message and its neighbour; on a busy machine, too. */
const PROMPTLY = 10_000;
/**
 * Milliseconds of this process's own CPU for one message and its neighbour: no other process has a
 * part in it.
 */
const CPU_MS = 1_000;
/**
 * A garbage collection may fall into one sending, and then clears what other tests left: a message
 * is dear when each of so many sendings is.
 */
const SENDINGS_AT_MOST = 3;
/** Bytes of the longest reason that is kept or told. */
const REASON = 8_000;
/**
 * Bytes that may remain after a flood: of the heap, and of the process, because its allocator keeps
 * some.
 */
const LEFT = { heap: 24 * 2 ** 20, process: 256 * 2 ** 20 };
const WAVES = 3;

/**
 * Every hostile message of the list by one way in: refused or taken as it must be, the next one
 * served, the memory given back.
 */
export function hostileSuite(way: WayIn): void {
  const items = HOSTILE.filter((item) => applies(item, way));

  describe(`what means harm, by ${way.name}`, () => {
    beforeAll(() => way.open(), 60_000);
    afterAll(() => way.close(), 60_000);

    it.each(items.map((item) => [`${item.class}: ${item.item}`, item] as const))(
      '%s',
      async (_, item) => {
        let least = Infinity;
        for (let sent = 0; sent < SENDINGS_AT_MOST && least >= CPU_MS; sent++)
          least = Math.min(least, await cpuOf(item, way));
        expect(least).toBeLessThan(CPU_MS);
      },
    );

    it('all of it again and again leaves nothing behind in memory', async () => {
      const wave = async () => {
        for (const item of items) {
          const { body, attributes } = made(item, way);
          await way.send(body, attributes);
        }
      };
      await wave();
      const before = memory();
      for (let waves = 0; waves < WAVES; waves++) await wave();
      const after = memory();
      await way.neighbour();
      const mebibytes = ({ heap, process }: ReturnType<typeof memory>) =>
        `heap ${(heap / 2 ** 20).toFixed(0)} MiB, process ${(process / 2 ** 20).toFixed(0)} MiB`;
      process.stdout.write(
        `${way.name}: ${items.length * WAVES} hostile messages: ${mebibytes(before)} before, ${mebibytes(after)} after\n`,
      );
      const kept = way.keepsInMemory
        ? WAVES * items.reduce((sum, item) => sum + made(item, way).body.length, 0)
        : 0;
      expect(after.heap - before.heap).toBeLessThan(LEFT.heap + kept);
      expect(after.process - before.process).toBeLessThan(LEFT.process + kept);
    }, 300_000);
  });
}

/**
 * Sends the message and a valid one behind it, and checks what becomes of them. Resolves with the
 * milliseconds of CPU both took.
 */
async function cpuOf(item: Hostile, way: WayIn): Promise<number> {
  const { body, attributes } = made(item, way);
  const started = performance.now();
  let cpu = process.cpuUsage();
  const fate = await way.send(body, attributes);
  if (isRefusedByBroker(body, way)) cpu = process.cpuUsage();
  expectFate(fate, expectedOf(item, body, attributes, way), way);
  await way.neighbour();
  expect(performance.now() - started).toBeLessThan(PROMPTLY);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  return process.cpuUsage(cpu).user / 1_000;
}

const applies = ({ attributes }: Hostile, way: WayIn): boolean =>
  !attributes ||
  way.attributes === 'bytes' ||
  (way.attributes === 'texts' && !Buffer.isBuffer(attributes(attributesOf(way))));

function made({ body, attributes }: Hostile, way: WayIn) {
  const good = attributesOf(way);
  return {
    body: body?.(way.good) ?? Buffer.from(JSON.stringify(way.good.payload)),
    attributes: attributes?.(good) ?? good,
  };
}

const attributesOf = ({ type }: WayIn): Attributes => ({
  id: randomUUID(),
  specversion: '1.0',
  type,
  source: '/mallory',
  time: new Date().toISOString(),
  contractversion: '1',
});

const isRefusedByBroker = (body: Buffer, { largest }: WayIn): boolean =>
  largest?.byBroker === true && body.length > largest.bytes;

function expectedOf(
  item: Hostile,
  body: Buffer,
  attributes: Attributes | Buffer,
  { largest, largestHeaders, strict, called }: WayIn,
): Expected {
  if (largest && body.length > largest.bytes) return { refused: largest.reason };
  if (largestHeaders && Buffer.isBuffer(attributes) && attributes.length > largestHeaders.bytes)
    return { refused: largestHeaders.reason };
  return (strict && item.strictly) || (called && item.called) || item.expected;
}

function expectFate(fate: Fate, expected: Expected, { good }: WayIn): void {
  if (expected === 'taken') return expect(fate).toBe('taken');
  expect(fate).toEqual({ refused: expect.stringContaining(reasonOf(good, expected)) as string });
  expect(Buffer.byteLength((fate as { refused: string }).refused)).toBeLessThan(REASON);
}

function memory(): { readonly heap: number; readonly process: number } {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  return { heap: heapUsed + arrayBuffers, process: rss };
}
