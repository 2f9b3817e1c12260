// An example of a message, made from its contract's schema: the same one each time.
import fc from 'fast-check';

/** @import { ContractSchema, JsonSchema } from '../../libs/parley/contract/src/index.js' */
/** @import { ContractKit } from './contract-sources.mjs' */

const TIME = '2026-01-31T12:00:00.000Z';
const UUID = '0b9d2c6e-3f41-4a58-9c07-5d1e8f2a6b34';
const TRACE = '00-6f83085e4c1d4b7a9e2f5a60c3d8b17e-1c5e9a7b3d2f4860-01';

/** @type {Record<string, string>} */
const FORMATS = {
  uuid: UUID,
  email: 'ada@example.org',
  'date-time': TIME,
  date: TIME.slice(0, 10),
  uri: 'https://example.org/',
};

/**
 * A message with its headers, as AsyncAPI has examples.
 * @param {ContractKit} kit
 * @param {ContractSchema} schema
 */
export function asyncExample(kit, schema) {
  const { name, kind, version, key, payload } = schema;
  const owner = name.slice(0, name.indexOf('.'));
  const shown = /** @type {Record<string, unknown>} */ (valueOf(payload, 'text', payload));
  const problem = kit.contractNamed(name).payload.safeParse(shown).error?.issues[0];
  if (problem)
    throw new Error(
      `no example of ${name} can be made: ${problem.path.join('.')} ${problem.message}`,
    );
  return {
    name: 'example',
    headers: {
      specversion: '1.0',
      id: '7d0f4b52-98a3-4c1e-8b6d-2e5a9c3f1740',
      type: name,
      source: kind === 'command' ? '/a-sender' : `/${owner}`,
      time: TIME,
      datacontenttype: 'application/json',
      contractversion: String(version),
      correlationid: '3a6c8e10-5b7d-4f29-a1c4-9e2d6f8b0a53',
      ...(key !== undefined && { partitionkey: String(shown[key]) }),
      traceparent: TRACE,
      ...(kind === 'broadcast' && { sequence: '1' }),
    },
    payload: shown,
  };
}

/**
 * @param {JsonSchema} schema
 * @param {string} name of the property
 * @param {JsonSchema} whole
 * @returns {unknown}
 */
function valueOf(schema, name, whole) {
  const {
    $ref,
    const: only,
    enum: some,
    anyOf,
    oneOf,
    allOf,
    type,
    items,
    properties,
  } = /** @type {Record<string, any>} */ (schema);
  if (typeof $ref === 'string') return valueOf(referred($ref, whole), name, whole);
  if ('const' in schema) return only;
  if (some) return some[0];
  const [first] = anyOf ?? oneOf ?? [];
  if (first) return valueOf(first, name, whole);
  if (allOf)
    return Object.assign(
      {},
      ...allOf.map((/** @type {JsonSchema} */ one) => valueOf(one, name, whole)),
    );
  if (type === 'object' || properties) return objectOf(schema, whole);
  if (type === 'array') return items ? [valueOf(items, name, whole)] : [];
  if (type === 'string') return textOf(schema, name);
  if (type === 'integer' || type === 'number') return numberOf(schema);
  return type === 'boolean' ? true : null;
}

/**
 * @param {JsonSchema} schema
 * @param {JsonSchema} whole
 */
function objectOf({ properties = {} }, whole) {
  return Object.fromEntries(
    Object.entries(/** @type {Record<string, JsonSchema>} */ (properties)).map(([name, inner]) => [
      name,
      valueOf(inner, name, whole),
    ]),
  );
}

/**
 * @param {JsonSchema} schema
 * @param {string} name
 */
function textOf({ format, pattern, minLength = 0, maxLength = Infinity }, name) {
  const known = FORMATS[String(format)];
  if (known) return known;
  if (typeof pattern === 'string')
    return fc.sample(fc.stringMatching(new RegExp(pattern)), { numRuns: 1, seed: 1 })[0];
  return name.slice(0, Number(maxLength)).padEnd(Number(minLength), 'x');
}

/** @param {JsonSchema} schema */
function numberOf({ minimum, exclusiveMinimum, maximum }) {
  const least = Number(
    minimum ?? (exclusiveMinimum === undefined ? 0 : Number(exclusiveMinimum) + 1),
  );
  return Math.min(Math.max(least, 1), Number(maximum ?? Infinity));
}

/**
 * @param {string} reference
 * @param {JsonSchema} whole
 * @returns {JsonSchema}
 */
const referred = (reference, whole) =>
  /** @type {any} */ (
    reference
      .split('/')
      .slice(1)
      .reduce((at, name) => /** @type {any} */ (at)?.[name], whole)
  ) ?? {};
