import { z } from 'zod';
import { call } from '../contract';
import { ContractError } from '../contract-error';
import { wire } from '../wire';
import { fieldNumbers } from './field-numbers';
import type { ProtoField, ProtoMessage } from './message';
import { numberedCallOf, protoCallOf } from './proto-call';

let made = 0;
/** The message of a request with this field. */
function messageOf(request: z.ZodType<object>): ProtoMessage {
  const contract = call(`dairy.count-${(made += 1)}`, { request, reply: z.object({}) });
  return protoCallOf(contract).request;
}

const typeOf = ({ label, type }: ProtoField): string => {
  const name = typeof type === 'string' ? type : `${type.holds}(${type.fields.map(typeOf).join()})`;
  return label === 'single' ? name : `${label} ${name}`;
};
const fieldOf = (schema: z.ZodType): string =>
  messageOf(z.object({ field: schema }))
    .fields.map((field) => `${typeOf(field)}, ${field.absent}`)
    .join();

const recursive: z.ZodType = z.lazy(() => z.object({ inner: recursive.optional() }));
const endless: z.ZodType = z.lazy(() => z.array(endless));

describe('a field in protobuf', () => {
  it.each<[string, z.ZodType, string]>([
    ['text', z.string(), 'string, refused'],
    ['text that may be left out', z.string().optional(), 'string, left out'],
    ['text that may be null', z.string().nullable(), 'string, null'],
    ['text that may be either', z.string().nullish(), 'single(string), left out'],
    ['text with a default', z.string().default('x'), 'string, left out'],
    ['values of an enumeration', z.enum(['a', 'b']), 'string, refused'],
    ['several kinds of text', z.union([z.uuid(), z.literal('none')]), 'string, refused'],
    ['bytes', z.base64(), 'bytes, refused'],
    ['a whole number', z.int(), 'int64, refused'],
    ['a small whole number', z.int().min(-5).max(2_147_483_647), 'int32, refused'],
    ['one that is hardly small', z.int().min(0).max(2_147_483_648), 'int64, refused'],
    ['a number', z.number(), 'double, refused'],
    ['numbers of an enumeration', z.literal([1, 2]), 'double, refused'],
    ['a yes or no', z.boolean(), 'bool, refused'],
    ['a date', wire.date(), 'string, refused'],
    ['a big integer', wire.bigint(), 'string, refused'],
    ['an amount', wire.decimal(2), 'string, refused'],
    ['a list', z.array(z.int()), 'repeated int64, left out'],
    ['a list that may be left out', z.array(z.int()).optional(), 'list(repeated int64), left out'],
    ['a list that may be null', z.array(z.int()).nullable(), 'list(repeated int64), null'],
    ['a list of lists', z.array(z.array(z.int())), 'repeated list(repeated int64), left out'],
    ['a list with gaps', z.array(z.int().nullable()), 'repeated single(int64), left out'],
    ['a map', z.record(z.string(), z.number()), 'map double, left out'],
    [
      'a map of lists',
      z.record(z.string(), z.array(z.int())),
      'map list(repeated int64), left out',
    ],
    ['an object', z.object({ a: z.int() }), 'object(int64), refused'],
    ['an object that contains itself', z.strictObject({ a: recursive }), 'object(object(object(…'],
    [
      'objects told apart by a property',
      z.discriminatedUnion('by', [
        z.object({ by: z.literal('card'), token: z.string() }),
        z.object({ by: z.literal('invoice') }),
      ]),
      'union(object(string),object()), refused',
    ],
    ['anything', z.unknown(), 'value, refused'],
    ['one of several types', z.union([z.string(), z.int()]), 'value, refused'],
    ['a tuple', z.tuple([z.string(), z.int()]), 'value, refused'],
    ['an object with more than is listed', z.looseObject({ a: z.int() }), 'value, refused'],
    ['a list and more at once', z.array(z.int()).and(z.array(z.string())), 'value, refused'],
    ['names that are one in protobuf', z.object({ aB: z.int(), a_b: z.int() }), 'value, refused'],
    ['a list in itself', endless, 'repeated value, left out'],
  ])('is for %s as it should be', (_, schema, expected) => {
    if (expected.endsWith('…')) {
      const [field] = messageOf(z.object({ field: schema })).fields;
      const outer = (field!.type as ProtoMessage).fields[0]!.type as ProtoMessage;
      expect(outer.fields[0]!.type).toBe(outer);
    } else expect(fieldOf(schema)).toBe(expected);
  });

  it('has a name in the style of protobuf, and messages have the names of their fields', () => {
    const message = messageOf(
      z.object({
        orderId: z.string(),
        'größe-1': z.int(),
        SKU: z.string(),
        lines: z.array(z.object({ n: z.int() })),
      }),
    );
    expect(message.fields.map(({ name }) => name)).toEqual([
      'order_id',
      'gr__e_1',
      'f__s_k_u',
      'lines',
    ]);
    expect(message.nested.map(({ path }) => path)).toEqual([`${message.path}.Lines`]);
  });

  it('says why it may hold any JSON', () => {
    const [field] = messageOf(z.object({ field: z.tuple([z.int()]) })).fields;
    expect(field!.comment).toBe('required; any JSON: the items of the list differ by place');
  });
});

describe('a message', () => {
  it('may be a map or a union as a whole', () => {
    expect(messageOf(z.record(z.string(), z.int()))).toMatchObject({ holds: 'map' });
    expect(
      messageOf(
        z.discriminatedUnion('is', [
          z.object({ is: z.literal('a') }),
          z.object({ is: z.literal('b') }),
        ]),
      ),
    ).toMatchObject({ holds: 'union', tag: 'is' });
    expect(messageOf(z.looseObject({}))).toMatchObject({
      holds: 'single',
      fields: [{ type: 'value' }],
    });
  });
});

describe('the numbers of fields', () => {
  const request = z.object({ sku: z.string(), lines: z.array(z.object({ n: z.int() })) });
  const Priced = call('cellar.quote-wine', { request, reply: z.object({}) });
  const Unpriced = call('cellar.list-wines', { request, reply: z.object({}) });

  it('are those that the library of the owner tells; without any, a call has no protobuf', () => {
    expect(numberedCallOf(Priced)).toBeUndefined();
    const numbers = {
      QuoteWineRequest: { sku: 1, lines: 4 },
      'QuoteWineRequest.Lines': { n: 1 },
      QuoteWineReply: {},
    };
    fieldNumbers('cellar', numbers);
    expect(numberedCallOf(Priced)).toMatchObject({
      package: 'cellar',
      service: 'Cellar',
      method: 'QuoteWine',
      numbers,
    });
    expect(numberedCallOf(Unpriced)).toBeUndefined();
  });

  it('must be complete', () => {
    fieldNumbers('cellar', { QuoteWineRequest: { sku: 1, lines: 2 } });
    const made = () => numberedCallOf(Priced);
    expect(made).toThrow(ContractError);
    expect(made).toThrow(
      'cellar.quote-wine: the field "n" of QuoteWineRequest.Lines has no number in protobuf; run npm run contracts',
    );
  });
});
