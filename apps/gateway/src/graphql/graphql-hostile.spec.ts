import { EdgeOnTrial } from '../edge.fixture';
import { codesOf, graphql, NEW_ORDER, PLACE } from './graphql.fixture';
import { LIMITS } from './limits';

const times = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ');

describe('GraphQL that means harm', () => {
  let edge: EdgeOnTrial;
  beforeAll(async () => void (edge = await EdgeOnTrial.start()));
  afterAll(() => edge.close());
  /** The next request is served. */
  afterEach(async () => {
    expect((await graphql(edge, '{ products { sku } }')).status).toBe(200);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  const deep = (levels: number) => `{ ${'order { '.repeat(levels)}sku${' }'.repeat(levels)} }`;
  // To count each of the 2^25 ways through them takes far longer than the bound.
  const doubling = times(
    25,
    (index) => `fragment F${index} on Query { ...F${index + 1} ...F${index + 1} }`,
  );

  it.each([
    ['fields inside of each other', deep(50), 'too-complex', 'depth'],
    ['thousands of them', deep(1_500), 'invalid-document', 'Syntax Error'],
    [
      'lists of lists',
      '{ a: orders(first: 500) { edges { node { orderId status total placedAt finishedAt } cursor } } b: orders(first: 500) { edges { node { orderId } cursor } } }',
      'too-complex',
      'cost',
    ],
    ['many root fields', `{ ${times(11, () => 'products { sku }')} }`, 'too-complex', 'rootFields'],
    [
      'many aliases',
      `{ products { ${times(31, (index) => `a${index}: sku`)} } }`,
      'too-complex',
      'aliases',
    ],
    [
      'root fields by a fragment',
      `{ ...F ...F ...F } fragment F on Query { ${times(4, () => 'products { sku }')} }`,
      'too-complex',
      'rootFields',
    ],
    [
      'fragments that double',
      `{ ...F0 } ${doubling} fragment F25 on Query { products { sku } }`,
      'too-complex',
      'rootFields',
    ],
    [
      'a fragment inside of itself',
      '{ ...F } fragment F on Query { products { sku } ...F }',
      'invalid-document',
      'Cannot spread fragment',
    ],
    [
      'fragments inside of each other',
      '{ ...F } fragment F on Query { ...G } fragment G on Query { ...F }',
      'invalid-document',
      'Cannot spread',
    ],
    [
      'more words than a document may have',
      `{ ${times(1_100, () => 'x')} }`,
      'invalid-document',
      '1000 tokens',
    ],
    [
      'a comment of 20,000 characters',
      `{ products { sku } } #${'x'.repeat(LIMITS.characters)}`,
      'invalid-request',
      'query',
    ],
    [
      'an introspection inside of itself',
      `{ __schema { types { ${'fields { type { '.repeat(8)} name ${'} }'.repeat(8)} } } }`,
      'invalid-document',
      'introspection depth',
    ],
    ['no GraphQL', 'select * from orders', 'invalid-document', 'Syntax Error'],
    [
      'a document as JSON',
      JSON.stringify({ kind: 'Document', definitions: [] }),
      'invalid-document',
      'Syntax Error',
    ],
    ['nothing', '', 'invalid-request', 'no query'],
    [
      'half a surrogate pair',
      '{ product(sku: "\ud800") { sku } }',
      'invalid-document',
      'Syntax Error',
    ],
    ['a NUL', '{ products\u0000 { sku } }', 'invalid-document', 'Syntax Error'],
    [
      'an unknown operation',
      'query A { products { sku } } query B { products { sku } }',
      'invalid-document',
      'operation name',
    ],
    [
      'an unknown directive',
      `{ products ${times(100, () => '@x')} { sku } }`,
      'invalid-document',
      'directive',
    ],
    [
      'a subscription without a socket',
      'subscription { orderProgress(id: "x") { what } }',
      'invalid-document',
      'WebSocket',
    ],
    [
      'a number beyond all',
      '{ orders(first: 99999999999) { counts { placed } } }',
      'invalid-document',
      '32-bit',
    ],
  ])('is refused: %s', async (_, query, code, text) => {
    const began = process.cpuUsage(); // of this process: a busy machine does not count
    const answer = await graphql(edge, query);
    expect(process.cpuUsage(began).user / 1_000).toBeLessThan(5_000);
    expect([answer.status, new Set(codesOf(answer))]).toEqual([400, new Set([code])]);
    expect(JSON.stringify(answer.errors)).toContain(text);
    expect(answer.data).toBeUndefined();
    expect(edge.asked.filter(({ contract }) => contract.startsWith('orders.'))).toEqual([]);
  });

  it.each([
    ['a batch', [{ query: '{ products { sku } }' }]],
    [
      'a thousand of them',
      Array.from({ length: 1_000 }, () => ({ query: '{ products { sku } }' })),
    ],
    ['null', null],
    ['a text', 'query'],
    ['a number', 7],
    ['a document as an object', { query: { kind: 'Document', definitions: [] } }],
    ['variables that are a list', { query: '{ products { sku } }', variables: [1] }],
    ['variables that are a text', { query: '{ products { sku } }', variables: '{}' }],
    ['an operation that is an object', { query: '{ products { sku } }', operationName: {} }],
    [
      'extensions of another kind',
      { query: '{ products { sku } }', extensions: { persistedQuery: 1 } },
    ],
    [
      'a hash that is a path',
      { extensions: { persistedQuery: { version: 1, sha256Hash: '__proto__' } } },
    ],
  ])('is no request: %s', async (_, body) => {
    const response = await fetch(`${edge.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect([response.status, await response.json()]).toMatchObject([
      400,
      { errors: [{ extensions: { code: 'invalid-request' } }] },
    ]);
  });

  it.each([
    'application/graphql',
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded',
  ])('is of another type: %s', async (type) => {
    const response = await fetch(`${edge.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: '{ products { sku } }',
    });
    expect([response.status, response.headers.get('content-type')]).toEqual([
      415,
      'application/problem+json; charset=utf-8',
    ]);
  });

  it('is asked with another method', async () => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const response = await fetch(`${edge.url}/graphql?query={products{sku}}`, { method });
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
    }
  });

  it.each(['__proto__', 'constructor', 'prototype', 'toString'])(
    'is a variable or a field %s',
    async (name) => {
      const variables = `{"key":"k","order":${JSON.stringify(NEW_ORDER).replace('{', `{"${name}":{"polluted":1},`)}}`;
      const post = async (text: string) => {
        const response = await fetch(`${edge.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: `{"query":${JSON.stringify(PLACE)},"variables":${text}}`,
        });
        return [response.status, await response.text()] as const;
      };
      const [status, text] = await post(variables);
      expect([status, text]).toEqual([400, expect.stringContaining('is not defined by type')]);
      const [other] = await post(`{"${name}":{"polluted":1}}`);
      expect(other).toBe(400);
      expect((await graphql(edge, `{ ${name} { x } }`)).status).toBe(400);
      expect((await graphql(edge, `{ __type(name: "${name}") { name } }`)).status).toBe(200);
      expect(edge.asked.filter(({ contract }) => contract.startsWith('orders.'))).toEqual([]);
    },
  );

  it('is a thousand mistakes, of which not all are told', async () => {
    const lines = Array.from({ length: 1_000 }, () => ({ sku: 7 }));
    const answer = await graphql(edge, PLACE, { key: 'k', order: { ...NEW_ORDER, lines } });
    expect(answer.status).toBe(400);
    expect(answer.errors!.length).toBeLessThanOrEqual(51);
  });
});
