import type { JsonSchema } from '../contract-schema';
import { alternatives, propertiesOf, spelt } from '../json-schema';
import { fieldNameOf, jsonNameOf, messageNameOf } from './names';

export const isSchema = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null;

/** Why an object cannot have a field for each of its properties; undefined when it can. */
export function whyNoObject(schema: JsonSchema): string | undefined {
  if (schema['type'] !== 'object') return 'it is no object';
  if (schema['allOf'] || schema['patternProperties'] || !schema['properties'])
    return 'its properties are not listed';
  if (isSchema(schema['additionalProperties'])) return 'it has properties that are not listed';
  if (wouldCollide(Object.keys(propertiesOf(schema))))
    return 'two of its properties have one name in protobuf';
  return undefined;
}

/** True for an object whose properties are its data: a map from text to values of one schema. */
export const isMap = (schema: JsonSchema): boolean =>
  schema['type'] === 'object' &&
  !schema['properties'] &&
  !schema['patternProperties'] &&
  !schema['allOf'] &&
  isSchema(schema['additionalProperties']);

/** Why a schema has no type in protobuf, for the comment beside google.protobuf.Value. */
export function whyAny(schema: JsonSchema): string {
  if (schema['type'] === 'object') return whyNoObject(schema) ?? 'its properties are not listed';
  if (schema['prefixItems']) return 'the items of the list differ by place';
  if (schema['allOf']) return 'it is several schemas at once';
  return alternatives(schema).length > 1 || spelt(schema)
    ? 'it has one of several types'
    : 'its schema names no type';
}

/** Endings of the names of messages that are made around or for a field. */
const MADE_FOR_A_FIELD = /^(?:_item)*_(?:list|map|or_null|entry)$/;

/** True when two fields, the messages made for them, or their names in JSON would be the same. */
export function wouldCollide(properties: readonly string[]): boolean {
  const fields = properties.map(fieldNameOf);
  const names = [fields, fields.map(messageNameOf), fields.map(jsonNameOf)];
  return (
    names.some((all) => new Set(all).size < all.length) ||
    fields.some((one) =>
      fields.some(
        (other) => other.startsWith(one) && MADE_FOR_A_FIELD.test(other.slice(one.length)),
      ),
    )
  );
}
