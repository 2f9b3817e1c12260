import { z } from 'zod';
import { call, command, event } from './contract';
import { ContractError } from './contract-error';
import { schemaOf } from './contract-schema';
import { wire } from './wire';
import { wireForm, wireFormatOf } from './wire-format';

const formatOf = (field: z.ZodType) => wireFormatOf(z.object({ field }));
const recursive: z.ZodType = z.lazy(() => z.object({ inner: recursive.optional() }));
class Reading {}

describe('a schema that JSON cannot carry', () => {
  it.each<[string, z.ZodType, string]>([
    ['a date', z.date(), 'payload.field is a Date; write wire.date()'],
    ['a date, made of anything', z.coerce.date(), 'payload.field is a Date'],
    ['a big integer', z.bigint(), 'payload.field is a bigint; write wire.bigint()'],
    ['a map', z.map(z.string(), z.int()), 'payload.field is a Map'],
    ['a set', z.set(z.string()), 'payload.field is a Set'],
    ['a function', z.function() as never, 'payload.field is a function'],
    ['a symbol', z.symbol(), 'payload.field is a symbol'],
    ['a promise', z.promise(z.string()), 'payload.field is a promise'],
    ['NaN', z.nan(), 'payload.field is NaN'],
    ['nothing', z.void(), 'payload.field is void'],
    ['undefined', z.undefined(), 'payload.field is always undefined'],
    ['a transformation', z.string().transform(Number), 'payload.field is transformed one way'],
    ['a preparation', z.preprocess(String, z.string()), 'payload.field is transformed one way'],
    ['a date in a union', z.union([z.string(), z.date()]), 'payload.field is a Date'],
    [
      'a big integer among literals',
      z.literal([1n, 2]),
      'payload.field may be 1, which JSON cannot carry',
    ],
    [
      'undefined in a union',
      z.union([z.string(), z.undefined()]),
      'payload.field is always undefined',
    ],
    [
      'what a list may lack',
      z.array(z.string().optional()),
      'payload.field[] may be undefined, for which JSON writes null',
    ],
    [
      'what a tuple may lack',
      z.tuple([z.string(), z.int().optional()]),
      'payload.field[1] may be undefined',
    ],
    [
      'what a list may lack, by a schema of a later line',
      z.array(z.lazy(() => z.string().optional())),
      'payload.field[] may be undefined',
    ],
    [
      'what a list may lack, through a pipe',
      z.array(z.string().optional().pipe(z.string().optional())),
      'payload.field[] may be undefined',
    ],
    [
      'what a list may lack, by both of two schemas',
      z.array(z.intersection(z.string().optional(), z.string().optional())),
      'payload.field[] may be undefined',
    ],
    [
      'what a tuple may lack, by a schema of a later line',
      z.tuple([z.lazy(() => z.string().optional())]),
      'payload.field[0] may be undefined',
    ],
    [
      'far inside',
      z.array(z.object({ at: z.record(z.string(), z.date().nullable()) })),
      'payload.field[].at.* is a Date',
    ],
    ['behind a name of its own', z.lazy(() => z.date()), 'payload.field is a Date'],
    [
      'a default that its schema refuses',
      z.string().min(1).default(''),
      'payload.field has a default that its own schema refuses',
    ],
  ])('is refused where it is defined: %s', (_, field, says) => {
    expect(() => formatOf(field)).toThrow(ContractError);
    expect(() => formatOf(field)).toThrow(says);
  });

  it('is named with its contract, also in replies and errors', () => {
    const at = z.object({ at: z.date() });
    const empty = z.object({});
    expect(() => command('watch.set-alarm', at)).toThrow('watch.set-alarm: payload.at is a Date');
    expect(() => call('watch.ask-alarm', { request: at, reply: empty })).toThrow(
      'watch.ask-alarm: request.at is a Date',
    );
    expect(() => call('watch.ask-alarm', { request: empty, reply: at })).toThrow(
      'watch.ask-alarm: reply.at is a Date',
    );
    expect(() =>
      call('watch.ask-alarm', { request: empty, reply: empty, errors: { late: at } }),
    ).toThrow('watch.ask-alarm: errors.late.at is a Date');
    command('watch.set-alarm', empty); // a refused contract does not take its name
  });
});

describe('the format of a schema', () => {
  it('is plain where JSON gives back what it takes: nothing need be proved for each message', () => {
    const fields = [
      z.string().trim().min(1),
      z.int().optional(),
      z.enum(['a']),
      z.array(z.string().nullable()),
      z.record(z.string(), z.number()),
      z.string().default('x'),
      z.string().refine((text) => text !== ''),
      recursive,
    ];
    expect(fields.map((field) => formatOf(field).plain)).toEqual(fields.map(() => true));
  });

  it('is not plain where only the value tells', () => {
    const fields = [
      z.unknown(),
      z.any(),
      z.custom<Reading>(),
      z.instanceof(Reading),
      wire.date(),
      z.stringbool(),
      z.string().min(3).trim(),
      z.string().overwrite((text) => `${text}!`),
      z.int().catch(1),
      z.string().check((context) => void (context.value += '!')),
      z.string().superRefine(() => undefined),
    ];
    expect(fields.map((field) => formatOf(field).plain)).toEqual(fields.map(() => false));
    expect(wireFormatOf(z.looseObject({})).plain).toBe(false);
  });

  it('knows how deep it is', () => {
    const deep = (levels: number): z.ZodType =>
      levels === 1 ? z.string() : z.array(deep(levels - 1));
    expect(
      [z.string(), z.array(z.object({})), deep(80), recursive, z.unknown()].map(
        (field) => formatOf(field).depth,
      ),
    ).toEqual([1, 3, 80, Infinity, Infinity]);
  });
});

describe('a value on the wire', () => {
  const cases: readonly [string, z.ZodType, unknown, string][] = [
    ['a date', wire.date(), new Date('2026-01-31T12:00:00.001Z'), '2026-01-31T12:00:00.001Z'],
    ['a date of long ago', wire.date(), new Date(-62_135_596_800_000), '0001-01-01T00:00:00.000Z'],
    ['a big integer', wire.bigint(), -(2n ** 70n), '-1180591620717411303424'],
    ['none', wire.bigint(), 0n, '0'],
    ['an amount', wire.decimal(2), 123_456n, '1234.56'],
    ['less than one', wire.decimal(2), -5n, '-0.05'],
    ['a debt', wire.decimal(3), -1_234_567n, '-1234.567'],
    ['no amount', wire.decimal(2), 0n, '0.00'],
  ];

  it.each(cases)('is text, and is read as it was: %s', (_, schema, value, text) => {
    expect(wireForm(schema, value)).toBe(text);
    expect(schema.parse(text)).toEqual(value);
    expect(schema.parse(value)).toEqual(value); // a sender hands in either
    expect(
      wireForm(z.object({ deep: z.array(schema.nullable()).optional() }), { deep: [value, null] }),
    ).toEqual({ deep: [text, null] });
  });

  it.each<[string, z.ZodType, unknown]>([
    ['no date', wire.date(), 'yesterday'],
    ['a day that is not', wire.date(), '2026-02-30T00:00:00Z'],
    ['an invalid date', wire.date(), new Date(NaN)],
    ['a fraction', wire.bigint(), '1.5'],
    ['an empty text', wire.bigint(), ''],
    ['hexadecimal', wire.bigint(), '0x10'],
    ['a thousand digits and one', wire.bigint(), '1'.repeat(1_001)],
    ['a number', wire.bigint(), 5],
    ['a place too few', wire.decimal(2), '12.3'],
    ['a place too many', wire.decimal(2), '12.345'],
    ['no place', wire.decimal(2), '12'],
  ])('is refused: %s', (_, schema, value) => {
    expect(schema.safeParse(value).success).toBe(false);
  });

  it.each([0, -1, 31, 1.5, NaN])('has no %p places', (places) => {
    expect(() => wire.decimal(places)).toThrow(ContractError);
  });

  it('may be of any class with a codec of its own', () => {
    const color = wire.codec(z.string().regex(/^#\w{6}$/), z.instanceof(URL), {
      decode: (text) => new URL(`color:${text.slice(1)}`),
      encode: ({ pathname }) => `#${pathname}`,
    });
    expect(wireForm(color, color.parse('#ff0000'))).toBe('#ff0000');
  });

  it('is shown as text in the schemas that are compared', () => {
    const booked = event(
      'ledger.amount-booked',
      z.object({
        account: z.string(),
        at: wire.date(),
        amount: wire.decimal(2).optional(),
        serial: wire.bigint().default(1n),
      }),
      { key: 'account' },
    );
    expect(schemaOf(booked).payload).toMatchObject({
      required: ['account', 'at'],
      properties: {
        at: { type: 'string', format: 'date-time' },
        amount: { type: 'string', pattern: '^-?(?:0|[1-9]\\d*)\\.\\d{2}$' },
        serial: { type: 'string', maxLength: 1_000 },
      },
    });
    expect(() => JSON.stringify(schemaOf(booked))).not.toThrow();
  });
});
