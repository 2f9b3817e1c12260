import {
  type DocumentNode,
  getOperationAST,
  GraphQLError,
  type GraphQLSchema,
  NoSchemaIntrospectionCustomRule,
  type OperationTypeNode,
  specifiedRules,
  validate,
  type ValidationRule,
} from 'graphql';
import { z } from 'zod';
import { refused } from './errors';
import { LIMITS, parsedWithinLimits } from './limits';
import { type GraphqlSettings, hashOf } from './settings';

const PersistedQuery = z.object({
  version: z.literal(1),
  sha256Hash: z.string().regex(/^[0-9a-f]{64}$/, 'is not a SHA-256 in hexadecimal'),
});

/** A request as GraphQL over HTTP describes it; other fields are ignored. */
export const GraphqlRequest = z.object({
  query: z.string().max(LIMITS.characters).nullish(),
  operationName: z.string().max(200).nullish(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  extensions: z.object({ persistedQuery: PersistedQuery.nullish() }).nullish(),
});
export type GraphqlRequest = z.infer<typeof GraphqlRequest>;

/** A document as text and parsed. */
export interface ReadDocument {
  readonly text: string;
  readonly document: DocumentNode;
}

/** Documents in memory, at most; each is within the limits. */
const REMEMBERED = 500;

/** Reads the documents that clients send or name by their hash. */
export class Documents {
  /** Rules for every document, beside those of the specification. */
  readonly rules: readonly ValidationRule[];
  /** Documents by the SHA-256 of their text. */
  private readonly known = new Map<string, ReadDocument>();

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly settings: GraphqlSettings,
  ) {
    this.rules = settings.introspection ? [] : [NoSchemaIntrospectionCustomRule];
  }

  /**
   * The document to execute: the one in the request, or the one that was sent before under this
   * hash. It is within the limits, but not checked against the schema.
   * @throws GraphQLError
   */
  named({ query, extensions }: GraphqlRequest): ReadDocument {
    const { sha256Hash } = extensions?.persistedQuery ?? {};
    const sent = query || undefined;
    if (sent === undefined && sha256Hash === undefined)
      throw refused('invalid-request', 'There is no query');
    const hash = sent === undefined ? sha256Hash! : hashOf(sent);
    if (sha256Hash !== undefined && sha256Hash !== hash)
      throw refused('invalid-request', 'The query does not have this sha256Hash');
    if (this.settings.operations) return this.listed(hash);
    if (sent !== undefined) return this.remembered(hash, sent);
    const known = this.known.get(hash);
    // code and message of automatic persisted queries: the client then sends the whole text
    if (!known) throw refused('PERSISTED_QUERY_NOT_FOUND', 'PersistedQueryNotFound');
    return this.remembered(hash, known.text);
  }

  /** The errors of a document by the rules of the specification and by this edge's own. */
  errorsOf({ document }: ReadDocument): readonly GraphQLError[] {
    const rules = [...specifiedRules, ...this.rules];
    return this.withoutHints(validate(this.schema, document, rules));
  }

  /** Removes the hints of similar fields where introspection is off: they reveal the schema. */
  withoutHints(errors: readonly GraphQLError[]): readonly GraphQLError[] {
    if (this.settings.introspection) return errors;
    return errors.map(
      (error) => new GraphQLError(error.message.replace(HINT, ''), { nodes: error.nodes ?? null }),
    );
  }

  private listed(hash: string): ReadDocument {
    const text = this.settings.operations?.get(hash);
    if (text === undefined)
      throw refused('operation-not-allowed', 'Only the operations of this shop are executed');
    return this.remembered(hash, text);
  }

  private remembered(hash: string, text: string): ReadDocument {
    const entry = this.known.get(hash) ?? {
      text,
      document: parsedWithinLimits(text, this.schema),
    };
    this.known.delete(hash); // the most recently used one is the last
    this.known.set(hash, entry);
    if (this.known.size > REMEMBERED) this.known.delete(this.known.keys().next().value!);
    return entry;
  }
}

/** The type of the operation that a request names. @throws GraphQLError */
export function operationIn(
  { document }: ReadDocument,
  name: string | null | undefined,
): OperationTypeNode {
  const operation = getOperationAST(document, name);
  if (operation) return operation.operation;
  throw refused('invalid-document', 'The operation name does not say which one is meant');
}

const HINT = / Did you mean .*\?$/;
