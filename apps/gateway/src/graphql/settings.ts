import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type GraphQLSchema, GraphQLError, validate } from 'graphql';
import { z } from 'zod';
import { parsedWithinLimits } from './limits';

/** Settings of the GraphQL edge. */
export class GraphqlSettings {
  /**
   * @param operations documents by their SHA-256; undefined: any document is executed
   * @param sockets the most open WebSockets of this instance; each takes some 50 KB
   */
  constructor(
    readonly introspection = true,
    readonly operations?: ReadonlyMap<string, string>,
    readonly sockets = 1_000,
  ) {}
}

/** The file of GRAPHQL_OPERATIONS cannot be used; the message names the operation. */
class OperationsFileError extends Error {
  override readonly name = 'OperationsFileError';
  constructor(file: string, why: string) {
    super(`GRAPHQL_OPERATIONS names ${file}, ${why}`);
  }
}

export const graphqlVariables = {
  GRAPHQL_INTROSPECTION: z
    .enum(['on', 'off'], 'must be on or off')
    .default('on')
    .describe('whether clients may read the GraphQL schema from the edge'),
  GRAPHQL_OPERATIONS: z
    .string()
    .optional()
    .describe(
      'a JSON file of the only GraphQL operations that are executed: { "<SHA-256 of the text>": "<text>" }; without it, any within the limits',
    ),
};

/** @throws OperationsFileError */
export function settingsOf(
  { GRAPHQL_INTROSPECTION, GRAPHQL_OPERATIONS: file }: Record<string, unknown>,
  schema: GraphQLSchema,
): GraphqlSettings {
  const operations = typeof file === 'string' ? operationsIn(file, schema) : undefined;
  return new GraphqlSettings(GRAPHQL_INTROSPECTION !== 'off', operations);
}

export const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

function operationsIn(file: string, schema: GraphQLSchema): ReadonlyMap<string, string> {
  const fail = (why: string) => new OperationsFileError(file, why);
  const operations = z.record(z.string(), z.string()).safeParse(jsonIn(file));
  if (!operations.success) throw fail('which is no JSON object of texts by their SHA-256');
  for (const [hash, text] of Object.entries(operations.data)) {
    const problem =
      hashOf(text) === hash ? problemIn(text, schema) : `its SHA-256 is ${hashOf(text)}`;
    if (problem !== undefined) throw fail(`whose operation ${hash} cannot be used: ${problem}`);
  }
  return new Map(Object.entries(operations.data));
}

function jsonIn(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function problemIn(text: string, schema: GraphQLSchema): string | undefined {
  try {
    return validate(schema, parsedWithinLimits(text, schema))[0]?.message;
  } catch (error) {
    if (error instanceof GraphQLError) return error.message;
    throw error;
  }
}
