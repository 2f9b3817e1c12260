import type { OpenAPIObject } from '@nestjs/swagger';
import fc from 'fast-check';
import { EdgeOnTrial } from './edge.fixture';

/** Requests of each operation; fast-check prints the seed of one that fails. */
const RUNS = 60;

/** The part of JSON Schema that the edge's description uses. */
interface Schema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema?: Schema;
}
interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
  };
  readonly responses: Readonly<Record<string, unknown>>;
}

const text = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.constantFrom('TEA-0001', 'GB', 'ada@example.org', '__proto__', '\u0000', "' or 1=1 --"),
);
const number = fc.oneof(fc.integer(), fc.constantFrom(0, 1, 2, -1, 501, 2 ** 53, -0.5));
const anything = fc.oneof(text, number, fc.boolean(), fc.constant(null), fc.constant([]));

/** Values of a schema, and sometimes values that break it. */
const valueOf = (schema: Schema): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 12, arbitrary: fitting(schema) }, { weight: 1, arbitrary: anything });

function fitting({ type, enum: values, format, properties, items }: Schema): fc.Arbitrary<unknown> {
  if (values) return fc.constantFrom(...values);
  if (type === 'array') return fc.array(valueOf(items ?? {}), { maxLength: 5 });
  if (type === 'integer') return number;
  if (properties)
    return fc.record(
      Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, valueOf(one)])),
    );
  return format === 'uuid' ? fc.oneof(fc.uuid(), text) : text;
}

const isPart = (value: string) => value !== '' && !/^\.{1,2}$/.test(value);
const inAscii = fc.string({ maxLength: 220 }).map((value) => value.replace(/[^ -~]/g, '?'));

/** Values of a parameter, as strings. */
function written({ in: place, schema = {} }: Parameter): fc.Arbitrary<string> {
  if (place === 'header') return inAscii;
  const value = fitting(schema).map(String);
  return place === 'path' ? value.filter(isPart) : value;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

describe('requests made from the description of the edge', () => {
  let edge: EdgeOnTrial;
  let operations: readonly (readonly [method: string, path: string, Operation])[];
  beforeAll(async () => {
    edge = await EdgeOnTrial.start();
    const description = (await (await fetch(`${edge.url}/openapi.json`)).json()) as OpenAPIObject;
    operations = Object.entries(description.paths).flatMap(([path, verbs]) =>
      METHODS.flatMap((method) =>
        verbs[method] ? [[method, path, verbs[method] as unknown as Operation] as const] : [],
      ),
    );
  });
  afterAll(() => edge.close());

  /** The parameters that are given, and a body. */
  const requestOf = ({ parameters = [], requestBody }: Operation) =>
    fc.record({
      given: fc.tuple(
        ...parameters.map((one) =>
          written(one).chain((value) =>
            fc.constantFrom(...(one.in === 'path' ? [value] : [value, value, undefined])),
          ),
        ),
      ),
      body: requestBody
        ? valueOf(Object.values(requestBody.content)[0]!.schema)
        : fc.constant(undefined),
    });

  async function send(
    method: string,
    path: string,
    { parameters = [] }: Operation,
    given: readonly (string | undefined)[],
    body: unknown,
  ): Promise<Response> {
    let place = path;
    const query = new URLSearchParams();
    const headers = new Headers(body === undefined ? {} : { 'content-type': 'application/json' });
    for (const [index, { name, in: where }] of parameters.entries()) {
      const value = given[index];
      if (value === undefined) continue;
      if (where === 'path') place = place.replace(`{${name}}`, encodeURIComponent(value));
      else if (where === 'query') query.append(name, value);
      else headers.set(name, value);
    }
    return fetch(`${edge.url}${place}?${query}`, {
      method: method.toUpperCase(),
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  }

  it('are answered with a status that the description names, never with 500', async () => {
    expect(operations.length).toBeGreaterThan(5);
    for (const [method, path, operation] of operations)
      await fc.assert(
        fc.asyncProperty(requestOf(operation), async ({ given, body }) => {
          const response = await send(method, path, operation, given, body);
          const answer =
            response.status < 400 ? (await response.body?.cancel(), '') : await response.text();
          expect([method, path, answer, Object.keys(operation.responses)]).toEqual([
            method,
            path,
            answer,
            expect.arrayContaining([String(response.status)]),
          ]);
          expect(response.status).not.toBe(500);
          if (response.status >= 400)
            expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
        }),
        { numRuns: RUNS },
      );
  });
});
