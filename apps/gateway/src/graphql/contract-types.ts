import {
  GraphQLBoolean,
  GraphQLEnumType,
  type GraphQLFieldConfigMap,
  GraphQLFloat,
  GraphQLID,
  type GraphQLInputFieldConfigMap,
  GraphQLInputObjectType,
  type GraphQLInputType,
  GraphQLInt,
  GraphQLList,
  type GraphQLNamedInputType,
  type GraphQLNamedOutputType,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLOutputType,
  GraphQLScalarType,
  GraphQLString,
} from 'graphql';
import { z } from 'zod';

/** Zod schemas by the name that their type has in GraphQL. */
export type NamedSchemas = Readonly<Record<string, z.ZodType>>;

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** A schema that GraphQL has no type for. */
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

/**
 * GraphQL types made from zod schemas, each one once. A named schema inside of another one is a
 * type of that name; an unnamed one is called after its place: `NewOrderCustomer`.
 */
abstract class Types<T extends GraphQLInputType | GraphQLOutputType> {
  private readonly made = new Map<string, T>();
  private readonly schemas: Readonly<Record<string, JsonSchema>>;

  constructor(named: NamedSchemas, io: 'input' | 'output') {
    const registry = z.registry<{ id: string }>();
    for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
    const uri = (id: string) => id;
    this.schemas = z.toJSONSchema(registry, { io, uri, unrepresentable: 'any' }).schemas;
  }

  /** @throws UntypedSchemaError */
  protected named(name: string): T {
    const known = this.made.get(name);
    if (known) return known;
    const schema = this.schemas[name];
    if (!schema) throw new UntypedSchemaError(name, {});
    const type = this.typeOf(name, schema);
    this.made.set(name, type);
    return type;
  }

  /** `where` names the type if it has none: `NewOrderCustomer`. */
  protected typeOf(where: string, schema: JsonSchema): T {
    if (schema.$ref !== undefined) return this.named(schema.$ref);
    if (schema.enum) return this.enumOf(where, schema.enum.map(String));
    if (schema.type === 'array') return this.listOf(this.typeOf(where, itemsOf(where, schema)));
    if (schema.type === 'object') return this.objectOf(where, schema);
    const scalar = scalarOf(schema);
    if (!scalar) throw new UntypedSchemaError(where, schema);
    return this.scalar(scalar);
  }

  /** The fields of an object; of a record whose keys are known, a field for each key. */
  protected fieldsOf(where: string, schema: JsonSchema): readonly Field<T>[] {
    const required = new Set(schema.required);
    const { additionalProperties: value } = schema;
    const properties: Readonly<Record<string, z.core.JSONSchema.JSONSchema | boolean>> =
      schema.properties ??
      Object.fromEntries([...required].map((key) => [key, value ?? false] as const));
    return Object.entries(properties).map(([name, property]) => {
      const place = `${where}${name.charAt(0).toUpperCase()}${name.slice(1)}`;
      if (typeof property === 'boolean') throw new UntypedSchemaError(place, {});
      return {
        name,
        type: this.typeOf(place, property),
        isRequired: required.has(name) && property.default === undefined,
      };
    });
  }

  protected abstract scalar(scalar: GraphQLScalarType): T;
  protected abstract enumOf(name: string, values: readonly string[]): T;
  protected abstract listOf(item: T): T;
  protected abstract objectOf(name: string, schema: JsonSchema): T;
}

interface Field<T> {
  readonly name: string;
  readonly type: T;
  readonly isRequired: boolean;
}

/** Types of answers. */
export class OutputTypes extends Types<GraphQLOutputType> {
  /** @param extra fields by type that no schema has */
  constructor(
    named: NamedSchemas,
    private readonly enums: Enums,
    private readonly extra: (type: string) => GraphQLFieldConfigMap<unknown, unknown> = () => ({}),
  ) {
    super(named, 'output');
  }

  /** @throws UntypedSchemaError */
  get(name: string): GraphQLNamedOutputType {
    const type = this.named(name);
    if (type instanceof GraphQLList || type instanceof GraphQLNonNull)
      throw new UntypedSchemaError(name, {});
    return type;
  }

  protected override scalar(scalar: GraphQLScalarType): GraphQLOutputType {
    return scalar;
  }

  protected override enumOf(name: string, values: readonly string[]): GraphQLOutputType {
    return this.enums.get(name, values);
  }

  protected override listOf(item: GraphQLOutputType): GraphQLOutputType {
    return new GraphQLList(new GraphQLNonNull(item));
  }

  protected override objectOf(name: string, schema: JsonSchema): GraphQLOutputType {
    const own = (): GraphQLFieldConfigMap<unknown, unknown> =>
      Object.fromEntries(
        this.fieldsOf(name, schema).map(({ name: field, type, isRequired }) => [
          field,
          { type: isRequired ? new GraphQLNonNull(type) : type },
        ]),
      );
    return new GraphQLObjectType({ name, fields: () => ({ ...own(), ...this.extra(name) }) });
  }
}

/** Types of arguments; objects are called `…Input`. */
export class InputTypes extends Types<GraphQLInputType> {
  constructor(
    named: NamedSchemas,
    private readonly enums: Enums,
  ) {
    super(named, 'input');
  }

  /** @throws UntypedSchemaError */
  get(name: string): GraphQLNamedInputType {
    const type = this.named(name);
    if (type instanceof GraphQLList || type instanceof GraphQLNonNull)
      throw new UntypedSchemaError(name, {});
    return type;
  }

  protected override scalar(scalar: GraphQLScalarType): GraphQLInputType {
    return scalar;
  }

  protected override enumOf(name: string, values: readonly string[]): GraphQLInputType {
    return this.enums.get(name, values);
  }

  protected override listOf(item: GraphQLInputType): GraphQLInputType {
    return new GraphQLList(new GraphQLNonNull(item));
  }

  protected override objectOf(name: string, schema: JsonSchema): GraphQLInputType {
    const fields = (): GraphQLInputFieldConfigMap =>
      Object.fromEntries(
        this.fieldsOf(name, schema).map(({ name: field, type, isRequired }) => [
          field,
          { type: isRequired ? new GraphQLNonNull(type) : type },
        ]),
      );
    return new GraphQLInputObjectType({ name: `${name}Input`, fields });
  }
}

/** Enums are the same type in arguments and answers. */
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
