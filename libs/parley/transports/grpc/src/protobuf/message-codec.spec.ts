import {
  call,
  messagesOf,
  numberedCallOf,
  fieldNumbers,
  isWrapper,
  protoCallOf,
  withNested,
  type Call,
} from '@parley/contract';
import fc from 'fast-check';
import { z } from 'zod';
import { formOf, methodOf } from '../codec';
import { ProtobufError } from './protobuf-error';

const registered: Record<string, Record<string, number>> = {};
let made = 0;

/** A call with this request, whose fields have numbers. */
function numbered(request: z.ZodType<object>, like?: Call): Call {
  const contract = call(`numbers.ask-${(made += 1)}`, { request, reply: z.object({}) });
  for (const message of messagesOf(protoCallOf(contract)).flatMap(withNested)) {
    if (isWrapper(message) && message.path.includes('.')) continue;
    const path = like
      ? message.path.replace(/^Ask\d+/, like.name.replace('numbers.ask-', 'Ask'))
      : '';
    const kept = registered[path] ?? {};
    const fields = message.fields.map(({ json }, index): [string, number] => [
      json,
      Object.hasOwn(kept, json) ? kept[json]! : Object.keys(kept).length + index + 1,
    ]);
    registered[message.path] = Object.fromEntries(fields);
  }
  fieldNumbers('numbers', registered);
  if (!numberedCallOf(contract)) throw new Error('has no numbers');
  return contract;
}

const encode = (contract: Call, value: unknown): Buffer =>
  methodOf(contract).form.encodeRequest(Buffer.from(JSON.stringify(value)));
const decode = (contract: Call, message: Buffer): unknown =>
  JSON.parse(methodOf(contract).form.decodeRequest(message).toString());
const roundTrip = (contract: Call, value: unknown): unknown =>
  decode(contract, encode(contract, value));

const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** A schema, and the values that it accepts. */
interface Sample {
  readonly schema: z.ZodType;
  readonly values: fc.Arbitrary<unknown>;
}

const text = fc.string({ unit: 'binary' });
const number = fc.double({ noNaN: true, noDefaultInfinity: true });
const integer = fc.maxSafeInteger();
const leaves: fc.Arbitrary<Sample> = fc.constantFrom<Sample>(
  { schema: z.string(), values: text },
  { schema: z.int(), values: integer },
  { schema: z.int().min(-9).max(9), values: fc.integer({ min: -9, max: 9 }) },
  { schema: z.number(), values: number },
  { schema: z.boolean(), values: fc.boolean() },
  { schema: z.enum(['a', 'b']), values: fc.constantFrom('a', 'b') },
  {
    schema: z.base64(),
    values: fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64')),
  },
  { schema: z.unknown(), values: fc.jsonValue({ depthSize: 'small' }) },
  { schema: z.union([z.string(), z.number()]), values: fc.oneof(text, number) },
  { schema: z.tuple([z.int(), z.string()]), values: fc.tuple(integer, text) },
);
const names = fc.constantFrom('id', 'orderId', 'größe', 'toString', 'SKU', 'x-1', 'list');

const { sample } = fc.letrec<{ sample: Sample }>((tie) => ({
  sample: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaves,
    tie('sample').map(({ schema, values }) => ({
      schema: z.array(schema),
      values: fc.array(values, { maxLength: 4 }),
    })),
    tie('sample').map(({ schema, values }) => ({
      schema: z.record(z.string(), schema),
      values: fc.dictionary(text, values, { maxKeys: 4 }),
    })),
    tie('sample').map(({ schema, values }) => ({
      schema: schema.nullable(),
      values: fc.option(values),
    })),
    fc.tuple(tie('sample'), tie('sample')).map(([a, b]) => unionOf(a, b)),
    fc
      .uniqueArray(fc.tuple(names, tie('sample'), fc.boolean()), {
        selector: ([name]) => name,
        maxLength: 5,
      })
      .map(objectOf),
  ),
}));

function objectOf(fields: readonly (readonly [string, Sample, boolean])[]): Sample {
  const shape = fields.map(([name, { schema }, optional]) => [
    name,
    optional ? schema.optional() : schema,
  ]);
  const values = fields.map(([name, { values }, optional]) => [
    name,
    optional ? fc.option(values, { nil: undefined }) : values,
  ]);
  return {
    schema: z.object(Object.fromEntries(shape) as Record<string, z.ZodType>),
    values: fc.record(Object.fromEntries(values) as Record<string, fc.Arbitrary<unknown>>),
  };
}

function unionOf(a: Sample, b: Sample): Sample {
  const variant = (is: string, { schema }: Sample) => z.object({ is: z.literal(is), of: schema });
  const value = (is: string, { values }: Sample) => values.map((of) => ({ is, of }));
  return {
    schema: z.discriminatedUnion('is', [variant('a', a), variant('b-2', b)]),
    values: fc.oneof(value('a', a), value('b-2', b)),
  };
}

describe('JSON as protobuf and back', () => {
  it('is unchanged, whatever the schema and the value', () => {
    const cases = sample.chain(({ schema, values }) =>
      values.map((value) => ({ schema, value: json({ it: value }) })),
    );
    fc.assert(
      fc.property(cases, ({ schema, value }) => {
        expect(roundTrip(numbered(z.object({ it: schema })), value)).toEqual(value);
      }),
      { numRuns: 300 },
    );
  });

  const One = numbered(z.object({ n: z.int(), x: z.number(), s: z.string() }).partial());

  it.each<[string, unknown]>([
    ['the largest whole numbers', { n: Number.MAX_SAFE_INTEGER }],
    ['the smallest', { n: Number.MIN_SAFE_INTEGER }],
    ['zero, which is not the same as missing', { n: 0, x: 0, s: '' }],
    ['nothing', {}],
    ['the largest number', { x: Number.MAX_VALUE }],
    ['text of many scripts', { s: 'Zürich \u0000 🚀 \u{10FFFF}' }],
  ])('is unchanged: %s', (_, value) => {
    expect(roundTrip(One, value)).toEqual(value);
  });

  it('may be a map, a list inside of lists, or a union as a whole', () => {
    expect(roundTrip(numbered(z.record(z.string(), z.int())), { a: 1 })).toEqual({ a: 1 });
    const Any = numbered(z.looseObject({ a: z.int() }));
    expect(roundTrip(Any, { a: 1, b: [null, { c: [] }] })).toEqual({ a: 1, b: [null, { c: [] }] });
  });

  it('may contain itself', () => {
    const tree: z.ZodType<object> = z.lazy(() => z.object({ left: tree.optional(), n: z.int() }));
    const value = { left: { left: { n: 3 }, n: 2 }, n: 1 };
    expect(roundTrip(numbered(tree), value)).toEqual(value);
  });

  it.each([
    ['half of a character', { s: '\uD800' }, 's has half of a character'],
    ['a fraction where the contract has whole numbers', { n: 1.5 }, 'n is no whole number'],
    ['text where it has numbers', { x: 'one' }, 'x is no number'],
  ])('is refused where protobuf cannot carry it: %s', (_, value, says) => {
    expect(() => encode(One, value)).toThrow(says);
  });

  it('is refused where base64 would come back as another text', () => {
    const Bytes = numbered(z.object({ b: z.base64() }));
    expect(() => encode(Bytes, { b: 'QR==' })).toThrow('is not base64 as it is written');
  });
});

describe('a message of another version', () => {
  const Old = numbered(z.object({ a: z.int(), inner: z.object({ n: z.int() }) }));
  const New = numbered(
    z.object({
      a: z.int(),
      inner: z.object({ n: z.int(), m: z.string() }),
      more: z.array(z.string()),
    }),
    Old,
  );

  it('loses the fields that only the newer one has', () => {
    const message = encode(New, { a: 1, inner: { n: 2, m: 'x' }, more: ['y', 'z'] });
    expect(decode(Old, message)).toEqual({ a: 1, inner: { n: 2 } });
  });

  it('lacks what the older one did not send, for the contract to refuse', () => {
    expect(decode(New, encode(Old, { a: 1, inner: { n: 2 } }))).toEqual({
      a: 1,
      inner: { n: 2 },
      more: [],
    });
  });
});

describe('bytes of a stranger', () => {
  const Wide = numbered(
    z.object({
      s: z.string(),
      n: z.int(),
      x: z.number(),
      list: z.array(z.int()),
      any: z.unknown(),
      inner: z.object({ deep: z.array(z.object({ m: z.record(z.string(), z.string()) })) }),
      gap: z.string().nullable(),
    }),
  );
  const good = encode(Wide, {
    s: 'text',
    n: 300,
    x: 0.5,
    list: [1, 200_000],
    any: { a: [1, null, 'b'] },
    inner: { deep: [{ m: { k: 'v' } }] },
    gap: null,
  });
  const refusal = (bytes: Buffer): unknown => {
    try {
      decode(Wide, bytes);
      return undefined;
    } catch (error) {
      return error;
    }
  };

  it('are read or refused, nothing else', () => {
    const changed = fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => {
      const bytes = Buffer.from(good);
      bytes[at] = byte;
      return bytes;
    });
    const random = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(changed, random), (bytes) => {
        if (formOf(methodOf(Wide), bytes) !== methodOf(Wide).form) return; // begins like JSON
        const error = refusal(bytes);
        expect(error === undefined || error instanceof ProtobufError).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('are refused when they end too early', () => {
    for (let length = 1; length < good.length; length++) {
      const error = refusal(good.subarray(0, length));
      if (error !== undefined) expect(error).toBeInstanceOf(ProtobufError);
    }
    expect(refusal(good.subarray(0, good.length - 1))).toBeInstanceOf(ProtobufError);
  });

  const LENGTH_OF_2_GB = [0xff, 0xff, 0xff, 0xff, 0x07];
  it.each<[string, Buffer, string]>([
    ['a length beyond the end', Buffer.from([10, ...LENGTH_OF_2_GB]), 'is no protobuf message'],
    ['a list longer than the message', Buffer.from([34, ...LENGTH_OF_2_GB]), 'ends in the middle'],
    ['the wrong wire type', Buffer.from([8, 1]), 's has the wire type 0'],
    ['text that is no UTF-8', Buffer.from([10, 1, 0xff]), 'is no protobuf message'],
    [
      'a number beyond 2^53',
      Buffer.from([16, ...Array<number>(9).fill(0xff), 1].with(9, 0x7f)),
      'beyond 2^53',
    ],
    [
      'a varint without an end',
      Buffer.from([16, ...Array<number>(20).fill(0xff)]),
      'is no protobuf message',
    ],
    ['a group', Buffer.from([0x83, 0x01]), 'has a group'],
    ['the field 0', Buffer.from([0, 0]), ''],
    ['NaN', Buffer.from([25, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f]), 'x is NaN'],
  ])('are refused: %s', (_, bytes, says) => {
    const error = refusal(bytes);
    if (says === '') return;
    expect(error).toBeInstanceOf(ProtobufError);
    expect((error as Error).message).toContain(says);
  });

  it('cannot nest without end, and cannot become more values than a payload may have', () => {
    let deep: Buffer = Buffer.from([8, 0]); // a null
    for (let level = 0; level < 2_000; level++) deep = delimited(6, delimited(1, deep)); // a list with one value
    expect(String(refusal(delimited(5, deep)))).toContain('nested deeper');
    const many = Buffer.alloc(1_000_000, Buffer.from([10, 0])); // inner.deep, an empty message each
    expect(String(refusal(delimited(6, many)))).toContain('holds more than');
    const packed = delimited(4, Buffer.alloc(1_000_000, 1));
    expect(String(refusal(packed))).toContain('holds more than');
  });

  const delimited = (field: number, inner: Buffer): Buffer => {
    const length: number[] = [];
    for (let rest = inner.length; ; rest >>>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest);
      if (rest <= 127) break;
    }
    return Buffer.concat([Buffer.from([(field << 3) | 2, ...length]), inner]);
  };
});
