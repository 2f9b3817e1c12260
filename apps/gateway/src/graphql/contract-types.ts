import {
  GraphQLBoolean,
  GraphQLEnumType,
  type GraphQLFieldConfigMap,
  GraphQLFloat,
  GraphQLID,
  GraphQLInputObjectType,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLScalarType,
  GraphQLString,
} from 'graphql';
import { z } from 'zod';

/** Zod schemas by the name of their GraphQL type. */
export type NamedSchemas = Readonly<Record<string, z.ZodType>>;

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** There is no GraphQL type for this schema. */
class UntypedSchemaError extends Error {
  override readonly name = 'UntypedSchemaError';
  constructor(where: string, schema: JsonSchema) {
    super(`${where} has no GraphQL type: ${JSON.stringify(schema)}`);
  }
}

const DateTime = new GraphQLScalarType<string, string>({
  name: 'DateTime',
  description: 'A moment as ISO 8601 writes it, in UTC: `2026-03-01T10:00:00.000Z`',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (value) => String(value),
});

type ObjectType = GraphQLObjectType | GraphQLInputObjectType;
/** A type of a field, whose objects are `O`. */
type TypeWith<O extends ObjectType> =
  O | GraphQLScalarType | GraphQLEnumType | GraphQLList<GraphQLNonNull<TypeWith<O>>>;
type NamedTypeWith<O extends ObjectType> = O | GraphQLScalarType | GraphQLEnumType;
type FieldsWith<O extends ObjectType> = Record<
  string,
  { readonly type: TypeWith<O> | GraphQLNonNull<TypeWith<O>> }
>;

/**
 * GraphQL types made from zod schemas, each one once. A named schema inside of another one is a
 * type of that name; an unnamed one is called after its place: `NewOrderCustomer`.
 */
abstract class Types<O extends ObjectType> {
  private readonly made = new Map<string, TypeWith<O>>();
  private readonly schemas: Readonly<Record<string, JsonSchema>>;

  constructor(
    named: NamedSchemas,
    io: 'input' | 'output',
    private readonly enums: Enums,
  ) {
    const registry = z.registry<{ id: string }>();
    for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
    const uri = (id: string) => id;
    this.schemas = z.toJSONSchema(registry, { io, uri, unrepresentable: 'any' }).schemas;
  }

  /** @throws UntypedSchemaError */
  get(name: string): NamedTypeWith<O> {
    const type = this.named(name);
    if (type instanceof GraphQLList) throw new UntypedSchemaError(name, {});
    return type;
  }

  /** @param fields read when the GraphQL schema is made, because types may contain each other */
  protected abstract objectOf(name: string, fields: () => FieldsWith<O>): O;

  private named(name: string): TypeWith<O> {
    const known = this.made.get(name);
    if (known) return known;
    const schema = this.schemas[name];
    if (!schema) throw new UntypedSchemaError(name, {});
    const type = this.typeOf(name, schema);
    this.made.set(name, type);
    return type;
  }

  /** @param where the name of the type if its schema has none: `NewOrderCustomer` */
  private typeOf(where: string, schema: JsonSchema): TypeWith<O> {
    if (schema.$ref !== undefined) return this.named(schema.$ref);
    if (schema.enum) return this.enums.get(where, schema.enum.map(String));
    if (schema.type === 'array')
      return new GraphQLList(new GraphQLNonNull(this.typeOf(where, itemsOf(where, schema))));
    if (schema.type === 'object') return this.objectOf(where, () => this.fieldsOf(where, schema));
    const scalar = scalarOf(schema);
    if (!scalar) throw new UntypedSchemaError(where, schema);
    return scalar;
  }

  /** The fields of an object; of a record with known keys, a field for each key. */
  private fieldsOf(where: string, schema: JsonSchema): FieldsWith<O> {
    const required = new Set(schema.required);
    const { additionalProperties: value } = schema;
    const properties: Readonly<Record<string, z.core.JSONSchema.JSONSchema | boolean>> =
      schema.properties ??
      Object.fromEntries([...required].map((key) => [key, value ?? false] as const));
    const fields: FieldsWith<O> = {};
    for (const [name, property] of Object.entries(properties)) {
      const place = `${where}${name.charAt(0).toUpperCase()}${name.slice(1)}`;
      if (typeof property === 'boolean') throw new UntypedSchemaError(place, {});
      const type = this.typeOf(place, property);
      const isRequired = required.has(name) && property.default === undefined;
      fields[name] = { type: isRequired ? new GraphQLNonNull(type) : type };
    }
    return fields;
  }
}

/** Types of answers. */
export class OutputTypes extends Types<GraphQLObjectType> {
  /** @param extra further fields of a type, beside those of its schema */
  constructor(
    named: NamedSchemas,
    enums: Enums,
    private readonly extra: (type: string) => GraphQLFieldConfigMap<unknown, unknown>,
  ) {
    super(named, 'output', enums);
  }

  protected override objectOf(
    name: string,
    fields: () => FieldsWith<GraphQLObjectType>,
  ): GraphQLObjectType {
    return new GraphQLObjectType({ name, fields: () => ({ ...fields(), ...this.extra(name) }) });
  }
}

/** Types of arguments; objects are called `…Input`. */
export class InputTypes extends Types<GraphQLInputObjectType> {
  constructor(named: NamedSchemas, enums: Enums) {
    super(named, 'input', enums);
  }

  protected override objectOf(
    name: string,
    fields: () => FieldsWith<GraphQLInputObjectType>,
  ): GraphQLInputObjectType {
    return new GraphQLInputObjectType({ name: `${name}Input`, fields });
  }
}

/** Enum types, which arguments and answers share. */
export class Enums {
  private readonly made = new Map<string, GraphQLEnumType>();

  get(name: string, values: readonly string[]): GraphQLEnumType {
    const known = this.made.get(name);
    if (known) return known;
    const type = new GraphQLEnumType({
      name,
      values: Object.fromEntries(values.map((value) => [value, { value }])),
    });
    this.made.set(name, type);
    return type;
  }
}

function scalarOf(schema: JsonSchema): GraphQLScalarType | undefined {
  if (schema.type === 'integer') return GraphQLInt;
  if (schema.type === 'number') return GraphQLFloat;
  if (schema.type === 'boolean') return GraphQLBoolean;
  if (schema.type !== 'string') return undefined;
  if (schema.format === 'uuid') return GraphQLID;
  return schema.format === 'date-time' ? DateTime : GraphQLString;
}

function itemsOf(where: string, { items }: JsonSchema): JsonSchema {
  if (items === undefined || typeof items === 'boolean' || Array.isArray(items))
    throw new UntypedSchemaError(where, {});
  return items;
}
