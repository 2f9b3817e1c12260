import fc from 'fast-check';
import { z } from 'zod';
import { decode, depthOf, encode, InvalidMessageError, MAX_ISSUES, validate } from './codec';

const nested = (depth: number, open = '[', close = ']') =>
  Buffer.from(open.repeat(depth) + close.repeat(depth));
const issuesOf = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    if (error instanceof InvalidMessageError) return error.issues;
    throw error;
  }
  return [];
};

describe('a body', () => {
  it('comes back as it was', () => {
    const payload = { name: 'Zoë 🦊', lines: [1, 2.5, null], deep: { a: { b: true } } };
    expect(decode('depot.count', encode(payload))).toEqual(payload);
  });

  it('may be nested 64 levels deep, and no deeper', () => {
    expect(decode('depot.count', nested(64))).toEqual(expect.any(Array));
    expect(issuesOf(() => decode('depot.count', nested(65)))).toEqual([
      { path: '', message: 'is nested deeper than 64 levels' },
    ]);
  });

  it.each([5_000, 200_000])('%i levels deep is refused before it is parsed', (depth) => {
    const parse = jest.spyOn(JSON, 'parse');
    for (const body of [
      nested(depth),
      nested(depth, '{"a":', '}'),
      Buffer.from('['.repeat(depth)),
    ]) {
      expect(issuesOf(() => decode('depot.count', body))).toHaveLength(1);
    }
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
  });

  it('may hold brackets in its texts', () => {
    const payload = { text: `${'['.repeat(1_000)}"\\${'{'.repeat(1_000)}` };
    expect(depthOf(encode(payload))).toBe(1);
    expect(decode('depot.count', encode(payload))).toEqual(payload);
  });

  it('is as deep as its brackets outside of texts, whatever the texts hold', () => {
    // Unless it is told, fast-check makes texts of ten characters at most.
    const unit = fc.constantFrom('"', '\\', '[', '}', 'x');
    const text = fc.string({ unit, maxLength: 300, size: 'max' });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 8 }), (texts) => {
        expect(depthOf(encode({ texts }))).toBe(2);
        expect(depthOf(encode({ texts, behind: [[[]]] }))).toBe(4);
        expect(depthOf(encode({ texts: [...texts, '[[['] }).subarray(0, -3))).toBe(2);
      }),
    );
  });

  it.each([0, 1, 2, 3, 60, 61, 62, 63, 64, 65, 66, 67, 130])(
    'knows the end of a text of %i characters, with quotes and backslashes at its end',
    (length) => {
      const text = 'x'.repeat(length);
      for (const end of ['', '"', '\\', '\\\\', '\\"', '"\\', '[', `${'\\'.repeat(70)}["`]) {
        const texts = [text + end, `[${text}${end}[`];
        expect(depthOf(encode({ texts }))).toBe(2);
        expect(depthOf(encode({ texts, behind: [[[]]] }))).toBe(4);
      }
      expect(depthOf(Buffer.from(`{"a":"${text}[[[`))).toBe(1);
      expect(depthOf(Buffer.from(`{"a":"${text}\\"[[[`))).toBe(1);
    },
  );

  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['half a document', Buffer.from('{"a":')],
    ['two documents', Buffer.from('{} {}')],
    ['invalid UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0x22])],
    ['half a surrogate pair in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['Latin-1', Buffer.from('"Zoë"', 'latin1')],
    ['a word', Buffer.from('undefined')],
  ])('that is %s is refused', (_, body) => {
    expect(() => decode('depot.count', body)).toThrow(InvalidMessageError);
    expect(() => decode('depot.count', body)).toThrow(
      /^depot\.count: message is not JSON in UTF-8/,
    );
  });

  it('that names a prototype changes no object but itself', () => {
    const body = Buffer.from(
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"sku":"a","tags":{"__proto__":{"polluted":1}}}',
    );
    const schemas = [
      z.object({ sku: z.string() }),
      z.looseObject({ sku: z.string() }),
      z.object({ tags: z.record(z.string(), z.unknown()) }),
      z.object({ tags: z.object({}).catchall(z.unknown()) }),
    ];
    for (const schema of schemas) {
      const payload = validate<Record<string, unknown>>(
        'depot.count',
        schema,
        decode('depot.count', body),
      );
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
      expect(payload['polluted']).toBeUndefined();
      expect(
        (payload['tags'] as Record<string, unknown> | undefined)?.['polluted'],
      ).toBeUndefined();
    }
  });
});

describe('a payload', () => {
  const Line = z.object({ sku: z.string(), quantity: z.int() });

  it('loses the fields its contract does not know', () => {
    expect(validate('depot.count', Line, { sku: 'a', quantity: 1, extra: true })).toEqual({
      sku: 'a',
      quantity: 1,
    });
  });

  it('is refused with where and why', () => {
    const Order = z.object({ lines: z.array(Line) });
    const issues = issuesOf(() =>
      validate('depot.count', Order, {
        lines: [
          { sku: 'a', quantity: 1 },
          { sku: 'a', quantity: 1.5 },
        ],
      }),
    );
    expect(issues).toEqual([{ path: 'lines.1.quantity', message: expect.stringContaining('int') }]);
  });

  it('is refused with the name of a field that may not be there, the first of them', () => {
    const Strict = z.object({ lines: z.array(z.strictObject({ sku: z.string() })) });
    const lines = [{ sku: 'a' }, { sku: 'b', color: 'red', size: 4 }];
    expect(issuesOf(() => validate('depot.count', Strict, { lines }))).toEqual([
      { path: 'lines.1.color', message: expect.stringContaining('color') },
    ]);
  });

  it.each([
    ['as it is', 'f'.repeat(200), 'f'.repeat(200)],
    ['shortened', 'f'.repeat(201), `${'f'.repeat(200)}…`],
  ])('is refused with a path of 200 characters at most: %s', (_, field, path) => {
    const issues = issuesOf(() =>
      validate('depot.count', z.record(z.string(), Line), { [field]: 1 }),
    );
    expect(issues).toEqual([{ path, message: expect.any(String) }]);
  });

  it(`is refused with at most ${MAX_ISSUES} issues`, () => {
    const issues = issuesOf(() => validate('depot.count', z.array(Line), Array(100_000).fill({})));
    expect(issues).toHaveLength(MAX_ISSUES);
  });
});
