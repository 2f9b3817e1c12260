// Attacks on what is not the client's: other customers' orders, by each route with an id; bad tokens;
// operations without a role.
import { randomUUID } from 'node:crypto';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

/** @import { Run } from '../../dev/run-file.mjs' */
/** @import { Edge, Headers } from './edge.mjs' */
/** @import { Issuer } from './issuer.mjs' */

/** @typedef {{ method: string, path: string, security?: Record<string, unknown>[] }} Route */
/** @typedef {{ kind: string, name: string, args: { name: string, type: TypeOf }[], type: TypeOf }} Field */
/** @typedef {{ kind: string, name: string | null, ofType?: TypeOf | null }} TypeOf */

const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete'];
/** The parameters of paths that this attack knows how to fill: all of them are orders. */
const ID = /\{id\}/;

/**
 * @param {string[]} wrong
 * @throws {Error} with what should not be
 */
function noneOf(wrong) {
  if (wrong.length === 0) return;
  const more = wrong.length > 5 ? ` and ${wrong.length - 5} more` : '';
  throw new Error(wrong.slice(0, 5).join('; ') + more);
}

/**
 * Routes of the description, HEAD beside each GET.
 * @param {Edge} edge
 * @returns {Promise<Route[]>}
 */
async function routesOf(edge) {
  const { paths } = JSON.parse((await edge.ask('/openapi.json')).text);
  return Object.entries(/** @type {Record<string, Record<string, Route>>} */ (paths)).flatMap(
    ([path, operations]) =>
      Object.entries(operations)
        .filter(([method]) => METHODS.includes(method))
        .flatMap(([method, { security }]) =>
          (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]).map((one) => ({
            method: one,
            path,
            security,
          })),
        ),
  );
}

/**
 * @param {Edge} edge
 * @param {Issuer} issuer
 */
export async function routesWithAnId(edge, issuer) {
  const routes = (await routesOf(edge)).filter(({ path }) => path.includes('{'));
  noneOf(
    routes
      .filter(({ path }) => path.replace(ID, '').includes('{'))
      .map(({ path }) => `${path} has a parameter that this attack does not know`),
  );
  if (routes.length === 0) throw new Error('the description has no route with an id');
  const [ada, eve] = [await issuer.customer('ada'), await issuer.customer('eve')];
  const [hers, his, another] = [await edge.placed(ada), await edge.placed(), await edge.placed()];
  const guest = { authorization: `Bearer ${his.guest?.token}` };
  const strangers = /** @type {const} */ ([
    ['another customer', eve, [hers.orderId, his.orderId, randomUUID(), 'garbage', '%00']],
    ['a guest with another order', guest, [hers.orderId, another.orderId, randomUUID()]],
  ]);
  const wrong = [];
  let asked = 0;
  for (const { method, path } of routes)
    for (const [who, headers, ids] of strangers)
      for (const id of ids) {
        const { status } = await edge.ask(path.replace(ID, id), headers, { method });
        asked++;
        if (![403, 404].includes(status))
          wrong.push(`${method} ${path} of ${id} is answered ${status} to ${who}`);
      }
  for (const { method, path } of routes)
    for (const { orderId } of [hers, his]) {
      const { status } = await edge.ask(path.replace(ID, orderId), {}, { method });
      asked++;
      if (status !== 401) wrong.push(`${method} ${path} is answered ${status} to nobody`);
    }
  // Its own customer is served: the refusals are not those of a shop that serves nobody.
  const own = await edge.ask(`/orders/${hers.orderId}`, ada);
  if (own.status !== 200) wrong.push(`the customer's own order is answered ${own.status}`);
  noneOf(wrong);
  return `${routes.length} methods and paths, ${asked} requests`;
}

const FIELDS = `{ __schema { queryType { name } mutationType { name } subscriptionType { name }
  types { name fields { name type { kind name ofType { kind name } } args { name type { kind name ofType { kind name } } } } } } }`;

/**
 * Fields of the roots that take an id, of the schema.
 * @param {Edge} edge
 */
async function fieldsWithAnId(edge) {
  const { data } = await edge.graphql(FIELDS, {});
  const { types, ...roots } = /** @type {any} */ (data?.__schema);
  return ['query', 'mutation', 'subscription'].flatMap((operation) => {
    const root = types.find(
      (/** @type {Field} */ one) => one.name === roots[`${operation}Type`]?.name,
    );
    return /** @type {Field[]} */ (root?.fields ?? [])
      .filter(({ args }) => args.some(({ type }) => (type.ofType ?? type).name === 'ID'))
      .map(({ name, args }) => ({ operation, name, args }));
  });
}

/**
 * @param {Edge} edge
 * @param {Issuer} issuer
 */
export async function fieldsOfGraphql(edge, issuer) {
  const fields = await fieldsWithAnId(edge);
  if (fields.length === 0) throw new Error('the schema has no field with an id');
  const eve = await issuer.customer('eve');
  const { orderId } = await edge.placed(await issuer.customer('ada'));
  const wrong = [];
  for (const { operation, name, args } of fields) {
    const [id, ...others] = args.filter(({ type }) => type.kind === 'NON_NULL');
    if (id?.name !== 'id' || others.length > 0)
      throw new Error(`${name} has arguments that this attack does not know`);
    const query = `${operation} ($id: ID!) { ${name}(id: $id) { __typename } }`;
    const seen =
      operation === 'subscription'
        ? await subscribed(edge, query, orderId, eve)
        : await edge.graphql(query, { id: orderId }, eve);
    const code = seen.errors?.[0]?.extensions?.code;
    if (seen.data?.[name] || !['unknown-order', 'not-found'].includes(code ?? ''))
      wrong.push(`${operation} ${name} of another's order is answered ${JSON.stringify(seen)}`);
  }
  noneOf(wrong);
  return fields.map(({ name }) => name).join(', ');
}

/**
 * The first result.
 * @param {Edge} edge
 * @param {string} query
 * @param {string} id
 * @param {Headers} connectionParams
 * @returns {ReturnType<Edge['graphql']>}
 */
async function subscribed(edge, query, id, connectionParams) {
  const client = createClient({
    url: `${edge.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams,
    retryAttempts: 0,
  });
  try {
    for await (const result of client.iterate({ query, variables: { id } }))
      return /** @type {any} */ (result);
    return { data: null };
  } catch (errors) {
    return { data: null, errors: /** @type {any} */ (errors) };
  } finally {
    await client.dispose();
  }
}

/**
 * @param {Edge} edge
 * @param {Issuer} issuer
 */
export async function badTokens(edge, issuer) {
  const closed = (await routesOf(edge)).filter(({ security }) => security !== undefined);
  if (closed.length === 0) throw new Error('the description has no route for customers');
  const { orderId } = await edge.placed(await issuer.customer('ada'));
  const tokens = Object.entries(await issuer.bad('ada'));
  const wrong = [];
  for (const [what, headers] of tokens) {
    for (const { method, path } of closed) {
      const { status } = await (method === 'POST'
        ? edge.order(headers)
        : edge.ask(path.replace(ID, orderId), headers, { method }));
      if (status !== 401) wrong.push(`${method} ${path} is answered ${status} to a token ${what}`);
    }
    const { data, errors } = await edge.graphql('{ orders { counts { placed } } }', {}, headers);
    if (data?.orders || errors?.[0]?.extensions?.code !== 'unauthenticated')
      wrong.push(`GraphQL answers a token ${what}: ${JSON.stringify({ data, errors })}`);
  }
  noneOf(wrong);
  return `${tokens.length} kinds of token, ${closed.length + 1} routes each`;
}

/** Below `/operations`, and below `/api` of the console; each access is decided before the path is read. */
const READS = ['status', 'backlog', 'dead-letters', 'audit', 'topology', 'subjects/ada', 'nothing'];
const CHANGES = ['dead-letters/1/replay', 'dead-letters/discard', 'subjects/ada/erase', 'nothing'];

/**
 * @param {Run} run
 * @param {Edge} edge
 * @param {Issuer} issuer
 */
export async function operations(run, edge, issuer) {
  const [customer, viewer, roleless] = [
    await issuer.customer('ada'),
    await issuer.operator('viewer'),
    await issuer.operator(),
  ];
  const bad = (await issuer.bad('otto'))['by an unknown key'] ?? {};
  const wrong = [];
  let asked = 0;
  for (const { name, service, operationsUrl } of Object.values(run.instances)) {
    if (service === 'payment-provider') continue; // a company that is not ours
    const bases = [`${operationsUrl}/operations`];
    if (service === 'console') bases.push(`${operationsUrl}/api`);
    for (const base of bases)
      for (const [method, paths] of /** @type {const} */ ([
        ['GET', READS],
        ['POST', CHANGES],
      ]))
        for (const path of paths)
          for (const [who, headers, statuses] of /** @type {[string, Headers, number[]][]} */ ([
            ['nobody', {}, [401]],
            ['a customer', customer, [401, 403]],
            ['a forger', bad, [401]],
            ['an operator without a role', roleless, [403]],
            ...(method === 'POST' ? [['a viewer', viewer, [403]]] : []),
          ])) {
            const { status } = await fetch(`${base}/${path}`, { method, headers });
            asked++;
            if (!statuses.includes(status))
              wrong.push(`${method} ${base}/${path} of ${name} is answered ${status} to ${who}`);
          }
  }
  for (const path of ['/operations/status', '/operations/dead-letters', '/metrics']) {
    const { status } = await edge.ask(path, viewer);
    if (status !== 404) wrong.push(`${path} at the port of the customers is answered ${status}`);
  }
  const first = Object.values(run.instances).find(({ service }) => service === 'orders');
  const read = await fetch(`${first?.operationsUrl}/operations/status`, { headers: viewer });
  if (read.status !== 200) wrong.push(`a viewer is answered ${read.status}`);
  noneOf(wrong);
  return `${asked} requests`;
}
