import { callPathOf } from './call-path';
import type { ContractSchema, JsonSchema } from './contract-schema';

/** An OpenAPI 3.1 document, as plain data. */
export interface OpenApi {
  readonly openapi: '3.1.0';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, { readonly post: JsonSchema }>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

/** The calls of an owner as HTTP carries them: Connect's JSON, unary or streaming. Other contracts are left out. */
export function openApiOf(owner: string, contracts: readonly ContractSchema[]): OpenApi {
  const calls = contracts
    .filter(({ kind }) => kind === 'call')
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    openapi: '3.1.0',
    info: {
      title: owner,
      version: '1',
      description: `The calls that ${owner} answers. A contract never changes what it promises: what would break it gets a new name.`,
    },
    paths: Object.fromEntries(calls.map((call) => [callPathOf(call), { post: operationOf(call) }])),
    components: { schemas: { Error: ERROR } },
  };
}

const content = (schema: JsonSchema): JsonSchema => ({ 'application/json': { schema } });
/** Each of these has five bytes before it: its flags, and its length. */
const frames = (schema: JsonSchema): JsonSchema => ({ 'application/connect+json': { schema } });

const operationOf = (schema: ContractSchema): JsonSchema =>
  schema.item ? streamOf(schema, schema.item) : callOf(schema);

/** Connect's server streaming: an error comes in the last frame, with the status 200. */
function streamOf(
  { name, deadline, silence, payload, errors = {} }: ContractSchema,
  item: JsonSchema,
): JsonSchema {
  const pause = silence === undefined ? '' : `, none later than ${silence} ms after the one before`;
  return {
    operationId: name,
    description: `A stream: items within ${deadline} ms${pause}. May be repeated: idempotent.`,
    parameters: [TIMEOUT],
    requestBody: {
      required: true,
      description: 'one frame: a byte 0, the length in four bytes, the JSON',
      content: frames(payload),
    },
    responses: {
      '200': {
        description:
          'a frame for each item, as the request has it; then one that begins with a byte 2, with the error of the stream, if any',
        content: frames({ anyOf: [item, endOf(errors)] }),
      },
      default: {
        description: 'a failure before the first item; 404, 405, 413, 415, 429, 431 or 503',
        content: content({ $ref: '#/components/schemas/Error' }),
      },
    },
  };
}

const endOf = (errors: Readonly<Record<string, JsonSchema>>): JsonSchema => ({
  type: 'object',
  properties: { error: refusalOf(errors), metadata: { type: 'object' } },
});

function callOf({
  name,
  deadline,
  idempotent,
  payload,
  reply = {},
  errors = {},
}: ContractSchema): JsonSchema {
  return {
    operationId: name,
    description: `Answered within ${deadline} ms.${idempotent ? ' May be repeated: idempotent.' : ''}`,
    parameters: [TIMEOUT],
    requestBody: { required: true, content: content(payload) },
    responses: {
      '200': { description: 'the reply', content: content(reply) },
      '400': {
        description: 'an error of the contract, or a request that breaks it',
        content: content(refusalOf(errors)),
      },
      default: {
        description: 'a failure; 404, 405, 413, 415, 429, 431, 499, 500, 501, 503 or 504',
        content: content({ $ref: '#/components/schemas/Error' }),
      },
    },
  };
}

/** The error with the contract's own codes and their details. */
function refusalOf(errors: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const own = Object.entries(errors).map(([code, details]) => faultOf({ const: code }, details));
  const fault = { anyOf: [...own, faultOf({ const: 'invalid-request' }, ISSUES)] };
  const details = { type: 'array', items: { properties: { debug: fault } } };
  return { allOf: [{ $ref: '#/components/schemas/Error' }, { properties: { details } }] };
}

const faultOf = (code: JsonSchema, details: JsonSchema): JsonSchema => ({
  type: 'object',
  properties: { code, message: { type: 'string' }, details },
  required: ['code', 'message'],
});

const ISSUES: JsonSchema = {
  type: 'array',
  items: {
    type: 'object',
    properties: { path: { type: 'string' }, message: { type: 'string' } },
    required: ['path', 'message'],
  },
};

const TIMEOUT: JsonSchema = {
  name: 'connect-timeout-ms',
  in: 'header',
  description: 'milliseconds that the caller waits; default: those of the contract',
  schema: { type: 'integer', minimum: 0, maximum: 9_999_999_999 },
};

const ERROR: JsonSchema = {
  description: "Connect's error; its only detail is the fault.",
  type: 'object',
  properties: {
    code: {
      enum: [
        'canceled',
        'deadline_exceeded',
        'failed_precondition',
        'internal',
        'invalid_argument',
        'resource_exhausted',
        'unavailable',
        'unimplemented',
      ],
    },
    message: { type: 'string' },
    details: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          type: { const: 'parley.Fault' },
          value: { type: 'string', description: 'the fault as JSON, in base64' },
          debug: faultOf({ type: 'string' }, {}),
        },
        required: ['type', 'value'],
      },
    },
  },
  required: ['code', 'message'],
};
