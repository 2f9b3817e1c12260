import fc from 'fast-check';
import {
  getNamedType,
  type GraphQLField,
  type GraphQLInputType,
  GraphQLObjectType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { EdgeOnTrial } from '../edge.fixture';
import { graphql } from './graphql.fixture';
import { edgeSchema } from './schema';

/** Documents of each property; fast-check prints the seed of one that fails. */
const RUNS = 150;

const schema = edgeSchema();
const text = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom('TEA-0001', '__proto__', '\u0000', '\ud800', "' or 1=1 --", '../../x'),
);
const number = fc.oneof(fc.integer(), fc.constantFrom(0, -1, 501, 2 ** 31, 2 ** 53, -0.5));

/** Values of a type, and sometimes of another one. */
function valueOf(type: GraphQLInputType): fc.Arbitrary<unknown> {
  const anything = fc.oneof(text, number, fc.boolean(), fc.constant(null), fc.constant([]));
  return fc.oneof({ weight: 9, arbitrary: fitting(type) }, { weight: 1, arbitrary: anything });
}

function fitting(type: GraphQLInputType): fc.Arbitrary<unknown> {
  if (isNonNullType(type)) return fitting(type.ofType);
  if (isListType(type)) return fc.array(valueOf(type.ofType), { maxLength: 5 });
  if (isEnumType(type)) return fc.constantFrom(...type.getValues().map(({ name }) => name));
  if (isInputObjectType(type))
    return fc.record(
      Object.fromEntries(
        Object.values(type.getFields()).map(({ name, type: inner }) => [name, valueOf(inner)]),
      ),
    );
  return type.name === 'Int' ? number : text;
}

/** A field with its selections, its arguments as variables. */
function selected(field: GraphQLField<unknown, unknown>, depth: number): fc.Arbitrary<string> {
  const type = getNamedType(field.type);
  const given = field.args.map(({ name }) => `${name}: $${field.name}_${name}`).join(', ');
  const head = given ? `${field.name}(${given})` : field.name;
  if (!isObjectType(type)) return fc.constant(head);
  const inner = Object.values(type.getFields()).filter(
    (one) => depth > 0 || !isObjectType(getNamedType(one.type)),
  );
  if (inner.length === 0) return fc.constant(`${head} { __typename }`);
  return fc
    .subarray(inner, { minLength: 1 })
    .chain((some) => fc.tuple(...some.map((one) => selected(one, depth - 1))))
    .map((parts) => `${head} { ${parts.join(' ')} }`);
}

/** An operation of some root fields, with values for their arguments. */
function operationOf(kind: 'query' | 'mutation', root: GraphQLObjectType) {
  return fc.subarray(Object.values(root.getFields()), { minLength: 1 }).chain((fields) => {
    const given = fields.flatMap((field) =>
      field.args.map(({ name, type }) => ({ name: `${field.name}_${name}`, type })),
    );
    const declared = given.map(({ name, type }) => `$${name}: ${String(type)}`).join(', ');
    return fc.record({
      query: fc
        .tuple(...fields.map((field) => selected(field, 3)))
        .map((parts) => `${kind} F${declared && `(${declared})`} { ${parts.join(' ')} }`),
      variables: fc.record(
        Object.fromEntries(given.map(({ name, type }) => [name, valueOf(type)])),
      ),
    });
  });
}

const operations = fc.oneof(
  operationOf('query', schema.getQueryType()!),
  operationOf('mutation', schema.getMutationType()!),
);

describe('GraphQL made from its schema', () => {
  let edge: EdgeOnTrial;
  beforeAll(async () => void (edge = await EdgeOnTrial.start()));
  afterAll(() => edge.close());

  const expectDocumented = async (query: string, variables: object) => {
    const { status, errors = [] } = await graphql(edge, query, variables);
    expect([200, 400]).toContain(status);
    for (const { message, extensions } of errors) {
      expect([message, extensions?.['code']]).toEqual([
        message,
        expect.stringMatching(/^(?!internal)[a-z-]+$/i),
      ]);
    }
  };

  it('is answered as documented, whatever the values are', () =>
    fc.assert(
      fc.asyncProperty(operations, ({ query, variables }) => expectDocumented(query, variables)),
      { numRuns: RUNS },
    ));

  it('is answered as documented, also when a part of its text is another one', () =>
    fc.assert(
      fc.asyncProperty(operations, fc.nat(), fc.nat(20), text, (operation, at, length, other) => {
        const from = at % operation.query.length;
        const query = operation.query.slice(0, from) + other + operation.query.slice(from + length);
        return expectDocumented(query, operation.variables);
      }),
      { numRuns: RUNS },
    ));
});
