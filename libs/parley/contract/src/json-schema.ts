import type { JsonSchema } from './contract-schema';

/* Reads JSON Schema documents: the meaning of keywords, also where they are left out. */

export function resolved(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const reference = schema['$ref'];
  if (typeof reference !== 'string') return schema;
  const place = reference.split('/').slice(1);
  const found = place.reduce<unknown>(
    (at, name) => (at as Record<string, unknown> | undefined)?.[name],
    root,
  ) as JsonSchema | undefined;
  return found ? resolved(found, root) : schema;
}

export function alternatives(schema: JsonSchema): readonly JsonSchema[] {
  const given = (schema['anyOf'] ?? schema['oneOf']) as readonly JsonSchema[] | undefined;
  if (given) return given.flatMap(alternatives);
  const type = schema['type'];
  return Array.isArray(type) ? type.map((one: string) => ({ ...schema, type: one })) : [schema];
}

export function spelt(schema: JsonSchema): readonly string[] | undefined {
  if ('const' in schema) return [JSON.stringify(schema['const'])];
  return (schema['enum'] as unknown[] | undefined)?.map((value) => JSON.stringify(value));
}

export const propertiesOf = (schema: JsonSchema) =>
  (schema['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>;
export const requires = (schema: JsonSchema, name: string): boolean =>
  ((schema['required'] ?? []) as string[]).includes(name);
export const tuple = (schema: JsonSchema) => (schema['prefixItems'] ?? []) as readonly JsonSchema[];
export const rest = (schema: JsonSchema) =>
  (typeof schema['items'] === 'object' ? schema['items'] : {}) as JsonSchema;

export function others(schema: JsonSchema): JsonSchema | false {
  const given = schema['additionalProperties'];
  if (given === false) return false;
  return typeof given === 'object' ? (given as JsonSchema) : {};
}

/** The same text for equal values: the order of fields does not count. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, inner]) => `${JSON.stringify(name)}:${canonical(inner)}`).join()}}`;
}

export const same = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b);

export const shown = (schema: JsonSchema): string =>
  spelt(schema)?.join(', ') ?? String(schema['format'] ?? schema['type'] ?? 'anything');
