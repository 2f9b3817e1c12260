import type { JsonSchema } from '../contract-schema';
import { resolved, spelt } from '../json-schema';
import type { ProtoScalar } from './message';

const [INT32_MIN, INT32_MAX] = [-(2 ** 31), 2 ** 31 - 1];

/**
 * The scalar that holds every value of a schema's alternatives; undefined when there is none. Enumerations are
 * strings, so that a value that is added breaks no reader; dates, big integers and decimals are
 * strings as in JSON.
 */
export function scalarOf(
  alternatives: readonly JsonSchema[],
  root: JsonSchema,
): ProtoScalar | undefined {
  const all = alternatives.map((one) => alone(resolved(one, root)));
  return all.length === 0 ? undefined : all.reduce(widest);
}

function alone(schema: JsonSchema): ProtoScalar | undefined {
  switch (schema['type'] ?? typeOfValues(schema)) {
    case 'string':
      return schema['contentEncoding'] === 'base64' ? 'bytes' : 'string';
    case 'boolean':
      return 'bool';
    case 'number':
      return 'double';
    case 'integer':
      return isSmall(schema) ? 'int32' : 'int64';
    default:
      return undefined;
  }
}

function typeOfValues(schema: JsonSchema): string | undefined {
  const types = new Set(spelt(schema)?.map((text) => typeof JSON.parse(text)));
  return types.size === 1 ? [...types][0] : undefined;
}

function isSmall(schema: JsonSchema): boolean {
  const least = schema['minimum'] ?? schema['exclusiveMinimum'];
  const most = schema['maximum'] ?? schema['exclusiveMaximum'];
  return (
    typeof least === 'number' && least >= INT32_MIN && typeof most === 'number' && most <= INT32_MAX
  );
}

const NUMBERS: readonly ProtoScalar[] = ['int32', 'int64', 'double'];

function widest(
  one: ProtoScalar | undefined,
  other: ProtoScalar | undefined,
): ProtoScalar | undefined {
  if (!one || !other || one === other) return one === other ? one : undefined;
  const [a, b] = [NUMBERS.indexOf(one), NUMBERS.indexOf(other)];
  if (a >= 0 && b >= 0) return NUMBERS[Math.max(a, b)];
  const texts = [one, other].every((type) => type === 'string' || type === 'bytes');
  return texts ? 'string' : undefined;
}
