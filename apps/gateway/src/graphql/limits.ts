import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  getNamedType,
  getNullableType,
  GraphQLError,
  type GraphQLField,
  type GraphQLOutputType,
  type GraphQLSchema,
  isCompositeType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionSetNode,
} from 'graphql';

/** Limits of a document. */
export const LIMITS = {
  /** The introspection of the usual tools has 2,000. */
  characters: 20_000,
  /** Of the lexer. The introspection of the usual tools has about 400. */
  tokens: 1_000,
  /** Fields inside of each other. */
  depth: 10,
  /** Fields of an answer, when every list is as long as it may be. */
  cost: 5_000,
  aliases: 30,
  /** Fields of Query, Mutation or Subscription: each may be a call. */
  rootFields: 10,
} as const;

/** Entries of a list without an argument for their number. */
const LIST = 100;

/** The argument for the number of entries. A variable counts as the most. */
const COUNT = 'first';
const MOST = 500;

/** The document exceeds a limit. */
class TooComplexError extends GraphQLError {
  override readonly name = 'TooComplexError';
}

interface Extent {
  readonly depth: number;
  readonly cost: number;
}

/**
 * Parses a document and measures it, before it is checked against the schema: checking takes time
 * by itself.
 * @throws GraphQLError for a syntax error
 * @throws TooComplexError with the limit and the document's number
 */
export function parsedWithinLimits(text: string, schema: GraphQLSchema): DocumentNode {
  const document = parse(text, { maxTokens: LIMITS.tokens });
  assertWithinLimits(document, schema);
  return document;
}

function assertWithinLimits(document: DocumentNode, schema: GraphQLSchema): void {
  const aliases = countAliases(document);
  assertAtMost('aliases', aliases);
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const node of document.definitions)
    if (node.kind === Kind.FRAGMENT_DEFINITION) fragments.set(node.name.value, node);
  const measure = new Measure(schema, fragments);
  for (const node of document.definitions)
    if (node.kind === Kind.OPERATION_DEFINITION) {
      assertAtMost('rootFields', measure.rootFields(node.selectionSet));
      const { depth, cost } = measure.operation(node);
      assertAtMost('depth', depth);
      assertAtMost('cost', cost);
    }
}

function assertAtMost(limit: keyof typeof LIMITS, asked: number): void {
  if (asked > LIMITS[limit])
    throw new TooComplexError(`The document has ${limit} ${asked}; at most ${LIMITS[limit]}`, {
      extensions: { code: 'too-complex' },
    });
}

/** Measures documents that are not checked yet: fragments may be missing or circular. */
class Measure {
  private readonly known = new Map<string, Extent>();
  private readonly underway = new Set<string>();
  private readonly roots = new Map<string, number>();

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  ) {}

  operation({ operation, selectionSet }: OperationDefinitionNode): Extent {
    return this.selections(selectionSet, this.schema.getRootType(operation) ?? undefined);
  }

  rootFields({ selections }: SelectionSetNode): number {
    let count = 0;
    for (const node of selections) {
      if (node.kind === Kind.FIELD) count += 1;
      else if (node.kind === Kind.INLINE_FRAGMENT) count += this.rootFields(node.selectionSet);
      else count += this.rootFieldsOfFragment(node.name.value);
    }
    return count;
  }

  private rootFieldsOfFragment(name: string): number {
    const fragment = this.fragments.get(name);
    const known = this.roots.get(name);
    if (!fragment || known !== undefined) return known ?? 0;
    this.roots.set(name, 0); // a fragment inside of itself
    const count = this.rootFields(fragment.selectionSet);
    this.roots.set(name, count);
    return count;
  }

  private selections({ selections }: SelectionSetNode, type?: GraphQLOutputType): Extent {
    let [depth, cost] = [0, 0];
    for (const node of selections) {
      const inner =
        node.kind === Kind.FIELD
          ? this.field(node, type)
          : node.kind === Kind.FRAGMENT_SPREAD
            ? this.fragment(node.name.value)
            : this.selections(
                node.selectionSet,
                node.typeCondition ? this.typeNamed(node.typeCondition.name.value) : type,
              );
      depth = Math.max(depth, inner.depth);
      cost += inner.cost;
    }
    return { depth, cost };
  }

  private fragment(name: string): Extent {
    const fragment = this.fragments.get(name);
    const known = this.known.get(name);
    if (known || !fragment || this.underway.has(name)) return known ?? { depth: 0, cost: 0 };
    this.underway.add(name);
    const extent = this.selections(
      fragment.selectionSet,
      this.typeNamed(fragment.typeCondition.name.value),
    );
    this.underway.delete(name);
    this.known.set(name, extent);
    return extent;
  }

  /** The introspection of GraphQL has limits of its own (`MaxIntrospectionDepthRule`). */
  private field(node: FieldNode, parent?: GraphQLOutputType): Extent {
    if (node.name.value.startsWith('__') || !node.selectionSet) return { depth: 1, cost: 1 };
    const field =
      parent && (isObjectType(parent) || isInterfaceType(parent))
        ? parent.getFields()[node.name.value]
        : undefined;
    const type = field && getNamedType(field.type);
    const inner = this.selections(node.selectionSet, type);
    const isList = field !== undefined && isListType(getNullableType(field.type));
    const entries = field && (countOf(node, field) ?? (isList && !isPaged(parent) ? LIST : 1));
    return { depth: inner.depth + 1, cost: 1 + (entries ?? 1) * inner.cost };
  }

  private typeNamed(name: string): GraphQLOutputType | undefined {
    const type = this.schema.getType(name);
    return type && isCompositeType(type) ? type : undefined;
  }
}

/** The connection has counted its edges already. */
const isPaged = (type?: GraphQLOutputType): boolean =>
  isObjectType(type) && type.name.endsWith('Connection');

/** Entries that a field asks for; undefined for a field without such an argument. */
function countOf(
  { arguments: given }: FieldNode,
  { args }: GraphQLField<unknown, unknown>,
): number | undefined {
  const declared = args.find(({ name }) => name === COUNT);
  if (!declared) return undefined;
  const value = given?.find(({ name }) => name.value === COUNT)?.value;
  if (value === undefined) return Number(declared.defaultValue);
  return value.kind === Kind.INT ? Math.min(MOST, Math.max(0, Number(value.value))) : MOST;
}

function countAliases({ definitions }: DocumentNode): number {
  let count = 0;
  const look = ({ selections }: SelectionSetNode): void => {
    for (const node of selections) {
      if (node.kind === Kind.FIELD && node.alias) count += 1;
      if (node.kind !== Kind.FRAGMENT_SPREAD && node.selectionSet) look(node.selectionSet);
    }
  };
  for (const node of definitions) if ('selectionSet' in node) look(node.selectionSet);
  return count;
}
