import type { JsonSchema } from '../contract-schema';
import { alternatives, propertiesOf, requires, resolved, spelt } from '../json-schema';
import type { ProtoField, ProtoHolder, ProtoMessage, ProtoType } from './message';
import { fieldNameOf, messageNameOf } from './names';
import { scalarOf } from './scalar';
import { isMap, isSchema, whyAny, whyNoObject, wouldCollide } from './json-objects';

/** The type of a schema in protobuf, before a field is made of it. */
type Shape =
  | { readonly is: 'single' | 'list' | 'map'; readonly type: ProtoType }
  | { readonly is: 'any'; readonly why: string };

/** A schema that was looked up, without null among its alternatives. */
interface Read {
  readonly schema: JsonSchema;
  readonly nullable: boolean;
}

interface Draft extends ProtoMessage {
  holds: ProtoHolder;
  tag?: string;
  readonly fields: ProtoField[];
  readonly nested: ProtoMessage[];
}

/** Longest list of values that a comment names. */
const MAX_NAMED_VALUES = 12;
/** The oneof of a union. */
export const ONE_OF = 'variant';

/** Makes protobuf messages of one JSON Schema document. */
export class MessageMaker {
  /** By their schemas: a schema may contain itself. */
  private readonly messages = new Map<JsonSchema, ProtoMessage>();
  private readonly underWay = new Set<JsonSchema>();

  constructor(private readonly root: JsonSchema) {}

  topLevel(path: string): ProtoMessage {
    const message = draft(path);
    const read = this.read(this.root);
    if (!read.nullable && this.isMessage(read.schema)) return this.fill(message, read.schema);
    const shape = this.shapeOf(read, message, 'value');
    if (shape.is === 'any') return wrap(message, 'single', 'value', shape.why);
    return wrap(message, shape.is, shape.type);
  }

  private isMessage(schema: JsonSchema): boolean {
    return this.tagOf(schema) !== undefined || whyNoObject(schema) === undefined;
  }

  private fill(message: Draft, schema: JsonSchema): ProtoMessage {
    this.messages.set(schema, message);
    const tag = this.tagOf(schema);
    if (tag === undefined) this.fillObject(message, schema);
    else this.fillUnion(message, notNull(schema), tag);
    return message;
  }

  private fillObject(message: Draft, schema: JsonSchema, without?: string): void {
    for (const [json, property] of Object.entries(propertiesOf(schema)))
      if (json !== without)
        message.fields.push(this.fieldOf(json, property, requires(schema, json), message));
  }

  private fillUnion(message: Draft, variants: readonly JsonSchema[], tag: string): void {
    message.holds = 'union';
    message.tag = tag;
    for (const variant of variants) {
      const schema = resolved(variant, this.root);
      const json = String(propertiesOf(schema)[tag]!['const']);
      const name = fieldNameOf(json);
      const type = inside(message, messageNameOf(name));
      this.fillObject(type, schema, tag);
      message.fields.push({ json, name, label: 'single', type, absent: 'left out' });
    }
  }

  private fieldOf(json: string, given: JsonSchema, required: boolean, scope: Draft): ProtoField {
    const name = fieldNameOf(json);
    const read = this.read(given);
    const shape = this.shapeOf(read, scope, name);
    const absent = required ? 'refused' : 'left out';
    const single = { json, name, label: 'single' } as const;
    if (shape.is === 'any')
      return commented({ ...single, type: 'value', absent }, given, `any JSON: ${shape.why}`);
    if (shape.is !== 'single' && required && !read.nullable) {
      const label = shape.is === 'list' ? 'repeated' : 'map';
      return commented({ json, name, label, type: shape.type, absent: 'left out' }, given);
    }
    const type = typeAlone(shape, scope, name);
    const values = valuesOf(read.schema);
    if (!read.nullable) return commented({ ...single, type, absent }, given, values);
    if (required) return commented({ ...single, type, absent: 'null' }, given, values);
    const orNull = wrapped(scope, name, 'single', type);
    return commented({ ...single, type: orNull, absent }, given, values);
  }

  private shapeOf({ schema }: Read, scope: Draft, name: string): Shape {
    const known = this.messages.get(schema);
    if (known) return { is: 'single', type: known };
    const scalar = scalarOf(notNull(schema), this.root);
    if (scalar) return { is: 'single', type: scalar };
    if (this.isMessage(schema))
      return { is: 'single', type: this.fill(inside(scope, messageNameOf(name)), schema) };
    // A list or a map in itself, without a message between, has no end in protobuf.
    if (this.underWay.has(schema)) return { is: 'any', why: 'it contains itself' };
    this.underWay.add(schema);
    const shape = this.listOrMap(schema, scope, name);
    this.underWay.delete(schema);
    return shape;
  }

  private listOrMap(schema: JsonSchema, scope: Draft, name: string): Shape {
    const { items, additionalProperties: values } = schema;
    if (schema['type'] === 'array' && !schema['prefixItems'] && isSchema(items))
      return { is: 'list', type: this.elementOf(items, scope, name) };
    if (isMap(schema) && isSchema(values))
      return { is: 'map', type: this.elementOf(values, scope, name) };
    return { is: 'any', why: whyAny(schema) };
  }

  /** Lists and maps hold neither null, nor lists, nor maps: those have a message around them. */
  private elementOf(given: JsonSchema, scope: Draft, name: string): ProtoType {
    const read = this.read(given);
    const item = `${name}_item`;
    const isNested = read.schema['type'] === 'array' || isMap(read.schema);
    const shape = this.shapeOf(read, scope, isNested ? item : name);
    if (shape.is === 'any') return 'value';
    const type = typeAlone(shape, scope, item);
    return read.nullable ? wrapped(scope, item, 'single', type) : type;
  }

  private read(given: JsonSchema): Read {
    const schema = resolved(given, this.root);
    const rest = notNull(schema);
    if (rest.length === alternatives(schema).length || rest.length === 0)
      return { schema, nullable: false };
    return { schema: rest.length === 1 ? resolved(rest[0]!, this.root) : schema, nullable: true };
  }

  /** The property that tells the objects of a union apart. */
  private tagOf(schema: JsonSchema): string | undefined {
    const variants = notNull(schema).map((one) => resolved(one, this.root));
    if (variants.length < 2 || variants.some((one) => whyNoObject(one) !== undefined))
      return undefined;
    return Object.keys(propertiesOf(variants[0]!)).find((name) => {
      const values = variants.map((one) =>
        requires(one, name) ? propertiesOf(one)[name]?.['const'] : undefined,
      );
      return (
        values.every((value) => typeof value === 'string') && !wouldCollide([...values, ONE_OF])
      );
    });
  }
}

const notNull = (schema: JsonSchema): readonly JsonSchema[] =>
  alternatives(schema).filter((one) => one['type'] !== 'null');

const draft = (path: string): Draft => ({ path, holds: 'object', fields: [], nested: [] });

function inside(scope: Draft, name: string): Draft {
  const message = draft(`${scope.path}.${name}`);
  scope.nested.push(message);
  return message;
}

type Wrapping = 'list' | 'map' | 'single';
type Typed = Extract<Shape, { type: ProtoType }>;

/** One value, where a list or a map cannot be absent or inside another. */
const typeAlone = (shape: Typed, scope: Draft, name: string): ProtoType =>
  shape.is === 'single' ? shape.type : wrapped(scope, name, shape.is, shape.type);

const SUFFIX = { list: '_list', map: '_map', single: '_or_null' } as const;
const FIELD = { list: 'items', map: 'entries', single: 'value' } as const;
const LABEL = { list: 'repeated', map: 'map', single: 'single' } as const;

const wrapped = (scope: Draft, name: string, holds: Wrapping, type: ProtoType): ProtoMessage =>
  wrap(inside(scope, messageNameOf(name + SUFFIX[holds])), holds, type);

function wrap(message: Draft, holds: Wrapping, type: ProtoType, why?: string): ProtoMessage {
  const field = { json: FIELD[holds], name: FIELD[holds], label: LABEL[holds], type };
  message.holds = holds;
  message.fields.push({
    ...field,
    absent: holds === 'single' ? 'null' : 'left out',
    ...(why !== undefined && { comment: `any JSON: ${why}` }),
  });
  return message;
}

function valuesOf(schema: JsonSchema): string | undefined {
  const values = spelt(schema)?.map((text) => text.replaceAll('"', ''));
  return values && values.length <= MAX_NAMED_VALUES ? `one of ${values.join(', ')}` : undefined;
}

const PRESENCE = { refused: 'required', 'left out': undefined, null: 'null when absent' } as const;

function commented(field: ProtoField, given: JsonSchema, fact?: string): ProtoField {
  const parts = [given['description'], PRESENCE[field.absent], fact];
  const comment = parts.filter((part) => typeof part === 'string').join('; ');
  return comment === '' ? field : { ...field, comment: comment.replace(/\s+/g, ' ') };
}
