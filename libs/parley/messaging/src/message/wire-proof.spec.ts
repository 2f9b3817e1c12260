import { wire } from '@parley/contract';
import { z } from 'zod';
import { decode, InvalidMessageError, prepare, validate } from './codec';

const cyclic: Record<string, unknown> = { name: 'a' };
cyclic['self'] = cyclic;
const thrower = Object.defineProperty({}, 'secret', {
  enumerable: true,
  get: () => {
    throw new Error('not now');
  },
});
const deep = (levels: number): unknown => (levels === 0 ? 'end' : [deep(levels - 1)]);
interface Tree {
  inner?: Tree;
}
const Tree: z.ZodType<Tree> = z.lazy(() => z.object({ inner: Tree.optional() }));
const treeOf = (levels: number): Tree => (levels === 1 ? {} : { inner: treeOf(levels - 1) });
const endless: Tree = {};
endless.inner = endless;

const issueOf = (schema: z.ZodType, given: unknown) => {
  try {
    prepare('depot.store', schema, given);
  } catch (error) {
    if (error instanceof InvalidMessageError) return error.issues[0]!;
    throw error;
  }
  return undefined;
};

describe('what a sender hands in', () => {
  const Loose = z.object({ tag: z.unknown().optional(), tags: z.array(z.any()).optional() });

  it.each<[string, unknown, string, RegExp]>([
    ['a date', { tag: new Date() }, 'tag', /^is a Date, and would arrive as a string$/],
    [
      'a map',
      { tag: { of: new Map([['a', 1]]) } },
      'tag.of',
      /^is a Map, and would arrive as a Object$/,
    ],
    ['a set', { tag: new Set([1]) }, 'tag', /^is a Set/],
    ['bytes', { tag: Buffer.from('abc') }, 'tag', /^is a Buffer, and would arrive as a Object$/],
    ['an array of bytes', { tag: new Uint8Array(2) }, 'tag', /^is a Uint8Array/],
    ['NaN', { tag: NaN }, 'tag', /^is NaN, and would arrive as null$/],
    ['Infinity', { tags: [1, Infinity] }, 'tags.1', /^is Infinity, and would arrive as null$/],
    [
      'undefined in a list',
      { tags: [undefined] },
      'tags.0',
      /^is missing, and would arrive as null$/,
    ],
    [
      'a function',
      { tag: { run: () => 1 } },
      'tag.run',
      /^is a function, and would arrive as missing$/,
    ],
    ['a symbol', { tag: Symbol('s') }, 'tag', /^is a symbol, and would arrive as missing$/],
    ['a big integer', { tag: { sum: 1n } }, 'tag.sum', /^is a bigint, for which JSON has no form$/],
    [
      'an instance',
      { tag: new URL('http://127.0.0.1') },
      'tag',
      /^is a URL, and would arrive as a string$/,
    ],
    [
      'toJSON',
      { tag: { toJSON: () => 'other' } },
      'tag',
      /^is a Object, and would arrive as a string$/,
    ],
    [
      'toJSON that throws',
      {
        tag: {
          toJSON: () => {
            throw new Error('no');
          },
        },
      },
      'tag',
      /^cannot be written as JSON: no$/,
    ],
    ['a value that holds itself', { tag: cyclic }, 'tag.self', /^holds itself$/],
    ['a getter that throws', { tag: thrower }, 'tag.secret', /^cannot be read: not now$/],
    ['65 levels', { tag: deep(64) }, '', /^is nested deeper than 64 levels$/],
  ])('is refused by name when it would arrive as something else: %s', (_, given, path, message) => {
    expect(issueOf(Loose, given)).toEqual({
      path,
      message: expect.stringMatching(message) as string,
    });
  });

  it('may be anything that JSON carries', () => {
    const given = {
      tag: { n: -0, list: [null, 'x', { y: [] }], missing: undefined },
      tags: [deep(61)],
    };
    expect(issueOf(Loose, given)).toBeUndefined();
  });

  it('is refused when a check would refuse what another check made of it', () => {
    expect(issueOf(z.object({ code: z.string().min(3).trim() }), { code: '  a' })?.path).toBe(
      'code',
    );
    expect(
      issueOf(z.object({ code: z.string().min(3).trim() }), { code: ' abc ' }),
    ).toBeUndefined();
    expect(
      issueOf(z.object({ code: z.string().overwrite((text) => `${text}!`) }), { code: 'a' })?.path,
    ).toBe('code');
  });

  it('is refused beyond what readers take, where a schema has no such bound', () => {
    expect(issueOf(Tree, treeOf(64))).toBeUndefined();
    expect(issueOf(Tree, treeOf(65))?.message).toBe('is nested deeper than 64 levels');
    expect(issueOf(Tree, endless)).toBeDefined();
    const Numbers = z.object({ all: z.array(z.int()) });
    expect(issueOf(Numbers, { all: Array.from({ length: 100_000 }, () => 1) })).toBeUndefined();
    expect(issueOf(Numbers, { all: Array.from({ length: 100_001 }, () => 1) })).toEqual({
      path: '',
      message: 'holds more than 100000 values',
    });
  });

  it('never ends in an error of the language', () => {
    const Strict = z.object({ name: z.string().refine((name) => name.at(1)!.length > 0) });
    expect(issueOf(Strict, { name: '' })).toEqual({
      path: '',
      message: expect.stringMatching(/^cannot be checked: /) as string,
    });
    const Sealed = z.codec(z.string(), z.string(), {
      decode: (text) => text,
      encode: () => {
        throw new Error('no seal');
      },
    });
    expect(issueOf(z.object({ name: Sealed }), { name: 'a' })).toEqual({
      path: '',
      message: 'cannot be encoded: no seal',
    });
    expect(
      issueOf(
        z.object({ name: z.string() }),
        Object.defineProperty({}, 'name', {
          enumerable: true,
          get: () => {
            throw new Error('later');
          },
        }),
      ),
    ).toEqual({ path: 'name', message: 'cannot be read: later' });
    expect(issueOf(z.object({ name: z.string() }), { name: 5n })?.path).toBe('name');
    expect(issueOf(z.object({ at: wire.date() }), { at: new Date(8.64e15) })?.path).toBe('at'); // the year 275760
    expect(issueOf(z.object({ n: wire.bigint() }), { n: 10n ** 1_001n })?.path).toBe('n');
  });

  it('is what a reader gets', () => {
    const Booking = z.object({
      at: wire.date(),
      amounts: z.array(wire.decimal(2)),
      serial: wire.bigint().default(7n),
      yes: z.stringbool(),
      note: z.string().default('none'),
    });
    const {
      payload,
      wire: sent,
      body,
    } = prepare('depot.store', Booking, { at: new Date(5), amounts: [150n, '0.05'], yes: 'on' });
    expect(sent).toEqual({
      at: '1970-01-01T00:00:00.005Z',
      amounts: ['1.50', '0.05'],
      serial: '7',
      yes: 'true',
      note: 'none',
    });
    expect(payload).toEqual({
      at: new Date(5),
      amounts: [150n, 5n],
      serial: 7n,
      yes: true,
      note: 'none',
    });
    expect(validate('depot.store', Booking, decode('depot.store', body))).toEqual(payload);
  });
});
