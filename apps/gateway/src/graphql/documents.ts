import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  validate,
  type ValidationRule,
} from 'graphql';
import { z } from 'zod';
import { refused } from './errors';
import { assertWithinLimits, LIMITS } from './limits';
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

/** Texts that are remembered, each of them within the limits. */
const REMEMBERED = 500;

/** The documents that clients send or name. */
export class Documents {
  /** Rules for every document, beside those of the specification. */
  readonly rules: readonly ValidationRule[];
  /** By the SHA-256 of their text. */
  private readonly known = new Map<string, { text: string; document: DocumentNode }>();

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly settings: GraphqlSettings,
  ) {
    this.rules = settings.introspection ? [] : [NoSchemaIntrospectionCustomRule];
  }

  /**
   * The text to execute: as sent, or as it was sent before under this hash. It is within the
   * limits, but not checked against the schema.
   * @throws GraphQLError
   */
  textOf({ query, extensions }: GraphqlRequest): string {
    const { sha256Hash } = extensions?.persistedQuery ?? {};
    const sent = query || undefined;
    if (sent === undefined && sha256Hash === undefined)
      throw refused('invalid-request', 'There is no query');
    const hash = sent === undefined ? sha256Hash! : hashOf(sent);
    if (sha256Hash !== undefined && sha256Hash !== hash)
      throw refused('invalid-request', 'The query does not have this sha256Hash');
    if (this.settings.operations) return this.listed(hash);
    if (sent !== undefined) return this.remembered(hash, sent).text;
    const known = this.known.get(hash);
    // in the words that clients of persisted queries wait for, before they send the whole text
    if (!known) throw refused('PERSISTED_QUERY_NOT_FOUND', 'PersistedQueryNotFound');
    return this.remembered(hash, known.text).text;
  }

  /** The checked document of a text. @throws GraphQLError[] */
  checked(text: string): DocumentNode | readonly GraphQLError[] {
    const { document } = this.remembered(hashOf(text), text);
    const errors = validate(this.schema, document, [...specifiedRules, ...this.rules]);
    return errors.length > 0 ? this.withoutHints(errors) : document;
  }

  /** Errors name similar fields, which would tell the schema word by word. */
  withoutHints(errors: readonly GraphQLError[]): readonly GraphQLError[] {
    if (this.settings.introspection) return errors;
    return errors.map(
      (error) => new GraphQLError(error.message.replace(HINT, ''), { nodes: error.nodes ?? null }),
    );
  }

  private listed(hash: string): string {
    const text = this.settings.operations?.get(hash);
    if (text === undefined)
      throw refused('operation-not-allowed', 'Only the operations of this shop are executed');
    return text;
  }

  private remembered(hash: string, text: string) {
    const entry = this.known.get(hash) ?? { text, document: this.read(text) };
    this.known.delete(hash); // the most recently used one is the last
    this.known.set(hash, entry);
    if (this.known.size > REMEMBERED)
      for (const oldest of this.known.keys()) {
        this.known.delete(oldest);
        break;
      }
    return entry;
  }

  private read(text: string): DocumentNode {
    const document = parse(text, { maxTokens: LIMITS.tokens });
    assertWithinLimits(document, this.schema);
    return document;
  }
}

const HINT = / Did you mean .*\?$/;
