import { z } from 'zod';
import {
  isStream,
  type Call,
  type Command,
  type Contract,
  type Kind,
  type Stream,
} from './contract';
import type { Personal } from './personal';
import type { Secret } from './secret';
import { textFormOf } from './wire';

/** JSON Schema (draft 2020-12) as zod writes it, as far as it can be compared. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/** A contract as plain data. It is committed, so that a later change can be compared with it. */
export interface ContractSchema {
  readonly name: string;
  readonly kind: Kind;
  readonly version: number;
  readonly key?: string;
  /** The older versions that it can read. */
  readonly upcasts?: readonly number[];
  readonly personal?: Personal;
  readonly secret?: Secret;
  /** Of a command that is given up at the deadline of the call it was sent from. */
  readonly expiresWithCaller?: true;
  readonly deadline?: number;
  readonly idempotent?: boolean;
  /** Milliseconds: the age of a reply that may be given again while the owner cannot answer. */
  readonly stale?: number;
  /** There is a reply for when the owner cannot answer. */
  readonly fallback?: true;
  /** The payload; of a call, the request. */
  readonly payload: JsonSchema;
  readonly reply?: JsonSchema;
  /** Of a stream: one of the items that it is answered by, instead of a reply. */
  readonly item?: JsonSchema;
  readonly silence?: number;
  readonly errors?: Readonly<Record<string, JsonSchema>>;
}

/**
 * A contract's schema as data. Refinements and `z.custom` are functions that no JSON Schema can
 * show: values that only they refuse are not seen here.
 */
export function schemaOf(contract: Contract): ContractSchema {
  const { name, kind, version, key, upcasts, personal, secret } = contract;
  return {
    name,
    kind,
    version,
    ...(key !== undefined && { key }),
    ...(upcasts && { upcasts: Object.keys(upcasts).map(Number) }),
    ...(personal && { personal }),
    ...(secret && { secret }),
    ...((contract as Command).expiresWithCaller && { expiresWithCaller: true }),
    ...callPart(contract),
    payload: jsonSchema(contract.payload),
    ...answers(contract),
  };
}

const isQuestion = (contract: Contract): contract is Call | Stream => contract.kind === 'call';

function callPart(contract: Contract) {
  if (!isQuestion(contract)) return {};
  const { deadline, idempotent, resilience } = contract;
  return {
    deadline,
    idempotent,
    ...('silence' in contract && { silence: contract.silence }),
    ...(resilience.stale !== undefined && { stale: resilience.stale }),
    ...(resilience.fallback && { fallback: true as const }),
  };
}

function answers(contract: Contract) {
  if (!isQuestion(contract)) return {};
  const errors = Object.entries(contract.errors).map(
    ([code, details]) => [code, jsonSchema(details)] as const,
  );
  const answer = isStream(contract)
    ? { item: jsonSchema(contract.item) }
    : { reply: jsonSchema(contract.reply) };
  return { ...answer, errors: Object.fromEntries(errors) };
}

/** The form on the wire: before defaults are filled in and texts become values. */
function jsonSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: showTextForm,
  });
  return rest;
}

function showTextForm({
  zodSchema,
  jsonSchema: shown,
}: {
  zodSchema: z.core.$ZodType;
  jsonSchema: z.core.JSONSchema.BaseSchema;
}): void {
  const text = textFormOf(zodSchema);
  if (!text) return;
  delete shown.anyOf;
  Object.assign(shown, jsonSchema(text));
}
