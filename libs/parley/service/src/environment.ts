import { hostname } from 'node:os';
import { milliseconds, type Duration } from '@parley/contract';
import { crashAt, HIDDEN, listeningHost } from '@parley/messaging/transport';
import { isSecretName, LOG_LEVELS, withoutSecretsInText } from '@parley/observability';
import { z } from 'zod';
import { issuerUrl, keysUrl } from './issuer';

const number = (what: string, least: number, most: number) =>
  z.coerce
    .number(`must be ${what}`)
    .int(`must be ${what}`)
    .min(least, `must be ${what}`)
    .max(most, `must be ${what}`);
const port = number('a port, a whole number from 0 to 65535', 0, 65_535);
/** Containers set `::`; outside of them nobody but this machine reaches a service unless told so. */
const host = z
  .string()
  .default('127.0.0.1')
  .transform((text) => listeningHost(text));
const url = z
  .string()
  .regex(
    /^[a-z][a-z0-9+.-]*:\/\/./,
    'must be a URL such as postgres://user:password@host:5432/database',
  );

const failPoint = z.string().superRefine((text, context) => {
  try {
    crashAt(text, () => undefined);
  } catch (error) {
    context.addIssue((error as Error).message);
  }
});

const duration = z.string().transform((text, context) => {
  try {
    return milliseconds(text as Duration);
  } catch {
    context.addIssue('must be a duration such as 800ms, 10s or 2m');
    return z.NEVER;
  }
});

/** `none` is a list without a service: an empty variable counts as not set. */
const servicesIn = (text: string): readonly string[] =>
  text === 'none'
    ? []
    : text
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '');

/** Variables that every service reads. */
const kit = z.object({
  PORT: port
    .default(3000)
    .describe('where health, metrics and operations (and the edge) are served'),
  OPERATIONS_PORT: port
    .optional()
    .describe(
      'where metrics and operations are served instead of PORT; set it where strangers reach PORT',
    ),
  OPERATIONS_TOKEN: z
    .string()
    .min(16, 'must have 16 characters or more')
    .regex(/^[!-~]+$/, 'must be printable ASCII without spaces')
    .optional()
    .describe(
      'what operations and the console ask of those who use them: a secret of the operators, the same for all services',
    ),
  OPERATORS_ISSUER: issuerUrl
    .optional()
    .describe(
      "issuer of the operators' access tokens; with it, operations take such a token beside OPERATIONS_TOKEN",
    ),
  OPERATORS_AUDIENCE: z
    .string()
    .optional()
    .describe("audience of the operators' access tokens; another one than that of customers"),
  OPERATORS_JWKS_URL: keysUrl
    .optional()
    .describe("URL of the public keys of the operators' issuer"),
  OPERATORS_ROLES_CLAIM: z
    .string()
    .default('roles')
    .describe(
      'the claim with the roles viewer and operator: its name, or a path such as realm_access.roles',
    ),
  OPERATORS_NAME_CLAIM: z
    .string()
    .default('sub')
    .describe('the claim that names an operator in the audit; one that its owner cannot change'),
  ALLOWED_HOSTS: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((host) => host.trim())
        .filter((host) => host !== ''),
    )
    .describe(
      'names by which operations are reached, beside those of loopback and HOST, with commas in between',
    ),
  HOST: host.describe('the address to listen on; :: is every one, of IPv6 and of IPv4'),
  OPERATIONS_HOST: host.describe(
    'the address on which OPERATIONS_PORT listens; PORT listens on HOST',
  ),
  MAX_CONNECTIONS: number('a whole number from 1 to 1000000', 1, 1_000_000)
    .default(10_000)
    .describe('connections of HTTP that may be open at PORT; further ones are closed at once'),
  CALLS_PORT: port
    .optional()
    .describe('where calls are answered; without it, this service only asks'),
  INSTANCE: z
    .string()
    .default(`${hostname()}-${process.pid}`)
    .describe('names this process among its like'),
  BUILD: z
    .string()
    .default('development')
    .describe('names the build; it travels with every message'),
  DATABASE_URL: url.optional().describe("the service's own database"),
  COMMANDS_URL: url.optional().describe('what carries commands; default DATABASE_URL'),
  BROADCASTS_URL: url.optional().describe('what carries broadcasts; default DATABASE_URL'),
  EVENTS_URL: url.optional().describe('what carries events; default DATABASE_URL'),
  KEYS_URL: url
    .optional()
    .describe('where the keys of those are kept whom messages are about; default DATABASE_URL'),
  CLAIMS_URL: z
    .union(
      [z.literal('none'), url],
      'must be a URL such as postgres://user:password@host:5432/database or file:///folder, or none',
    )
    .optional()
    .describe('where bodies wait that are too large for what carries them; default DATABASE_URL'),
  CALLS_URL: url
    .default('grpc://{owner}:5000')
    .describe('where an owner answers calls; CALLS_URL_<OWNER> overrides it for one'),
  PARLEY_TOPOLOGY: z
    .enum(['create', 'verify'], 'must be create or verify')
    .default('create')
    .describe('whether queues, topics and streams are made at start, or only checked'),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
  CONCURRENCY: number('a whole number from 1 to 1000', 1, 1000)
    .default(10)
    .describe('messages of one subscription handled at the same time'),
  PAUSE_AT: number('a percentage, a whole number from 0 to 100', 0, 100)
    .default(50)
    .describe(
      'share of failed handlings in 10 s, in percent, at which a subscription pauses; 0: never',
    ),
  CALLS_RESILIENCE: z
    .enum(['on', 'off'], 'must be on or off')
    .default('on')
    .describe(
      'the policies of calls (circuit breaker, bulkhead, budget, limit); off: for measuring',
    ),
  CALLS_ALLOWED: z
    .string()
    .optional()
    .transform((text) => (text === undefined ? undefined : servicesIn(text)))
    .describe(
      'the services whose calls are answered, with commas in between, or none; CALLS_ALLOWED_<OWNER>_<NAME> overrides it for one contract',
    ),
  CALLS_TOKEN_KEY: z
    .string()
    .optional()
    .describe("path of this service's private key, with which it signs tokens for its calls"),
  CALLS_TOKEN_KEYS: z
    .string()
    .optional()
    .describe('path of the public keys of the services that call, a JSON Web Key Set'),
  PARLEY_FAILPOINT: failPoint
    .optional()
    .describe(
      'for trials: kill -9 of this process when it passes a step of the way of a message, such as relay.published:17',
    ),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .string()
    .regex(/^https?:\/\/./, 'must be a URL such as http://127.0.0.1:4318')
    .optional()
    .describe('where traces are exported to, by OTLP over HTTP; without it none are made'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number('must be a ratio from 0 to 1')
    .min(0, 'must be a ratio from 0 to 1')
    .max(1, 'must be a ratio from 0 to 1')
    .default(1)
    .describe('share of the traces that are exported; failures are, too'),
  TRACES_OF_FAILURES: z
    .enum(['on', 'off'], 'must be on or off')
    .default('on')
    .describe(
      'whether failures outside of that share are exported; off: traces outside of it cost next to nothing',
    ),
  MESSAGES_ENDPOINT: z
    .union(
      [z.literal('none'), z.string().regex(/^https?:\/\/./)],
      'must be the URL of a console, such as http://127.0.0.1:4080, or none',
    )
    .default('none')
    .describe(
      'the console that gets every handled message, with its body; personal and secret fields are masked',
    ),
  DRAIN_TIMEOUT: duration
    .default(10_000)
    .describe('how long work under way may take when the service is told to stop'),
});

export type Environment = z.infer<typeof kit> & {
  /** The URL at which an owner answers calls. */
  readonly callsOf: (owner: string) => string;
  /**
   * URLs of single contracts, by variable: `BROADCASTS_URL_SHIPPING_PARCEL_MOVED`. The rest of
   * their kind goes by the kind's.
   */
  readonly contractUrls: Readonly<Record<string, string>>;
  /** Who may call single contracts, by variable: `CALLS_ALLOWED_CATALOG_QUOTE_PRICE`. */
  readonly allowedFor: Readonly<Record<string, readonly string[]>>;
};

/** A URL for one owner (calls) or one contract instead of a whole kind. */
const URL_OF_ONE = /^(CALLS|COMMANDS|BROADCASTS|EVENTS)_URL_[A-Z0-9_]+$/;

/** Who may call one contract instead of all of a service. */
const ALLOWED_FOR_ONE = /^CALLS_ALLOWED_[A-Z0-9_]+$/;

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * The environment does not fit; the message lists everything that is wrong with it, a line each.
 */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}

/**
 * The environment of this process, checked. A service adds variables of its own:
 * `serviceEnvironment({ MAIL_URL: z.string() })`. Ends the process when a variable is missing or
 * wrong: it is called while modules are loaded, where no caller could catch an error.
 */
export function serviceEnvironment<S extends z.ZodRawShape = Record<never, never>>(
  own?: S,
): Environment & z.infer<z.ZodObject<S>> {
  try {
    return readEnvironment(process.env, own);
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

/** @throws EnvironmentError */
export function readEnvironment<S extends z.ZodRawShape = Record<never, never>>(
  variables: Variables,
  own?: S,
): Environment & z.infer<z.ZodObject<S>> {
  const schema = kit.extend(own ?? {});
  const given = Object.fromEntries(
    Object.entries(variables).filter(([, value]) => value !== undefined && value !== ''),
  ); // compose sets "" for unset
  const wrongUrls = Object.keys(given).filter(
    (name) => URL_OF_ONE.test(name) && !url.safeParse(given[name]).success,
  );
  const { success, data, error } = schema.safeParse(given);
  const problems = [
    ...(error?.issues ?? []).map((issue) => sentence(issue, given, schema.shape)),
    ...wrongUrls.map(
      (name) =>
        `${name} is "${shown(name, given[name])}", but must be a URL such as ${name.startsWith('CALLS_') ? 'grpc://host:5000' : 'kafka://host:9092'}`,
    ),
  ];
  const open = (['HOST', 'OPERATIONS_HOST'] as const).find((name) => isReachable(given[name]));
  if (open !== undefined && given['OPERATIONS_TOKEN'] === undefined)
    problems.push(NO_TOKEN(open, given[open]!));
  const missing = missingOfOperators(given);
  if (missing.length > 0)
    problems.push(
      `${missing.join(' and ')} must be set, too: operators are known by issuer, audience and keys together`,
    );
  if (!success || problems.length > 0) throw new EnvironmentError(problems.join('\n'));
  return {
    ...(data as z.infer<typeof kit>),
    ...withDefaultUrls(data as z.infer<typeof kit>),
    callsOf: callsOf(given, data['CALLS_URL'] as string),
    contractUrls: Object.fromEntries(
      Object.entries(given).filter(([name]) => URL_OF_ONE.test(name) && !name.startsWith('CALLS_')),
    ),
    allowedFor: Object.fromEntries(
      Object.entries(given)
        .filter(([name]) => ALLOWED_FOR_ONE.test(name))
        .map(([name, text]) => [name, servicesIn(text!)]),
    ),
  } as never;
}

/** The environment as it may be logged. */
export function describeEnvironment(environment: object): Readonly<Record<string, unknown>> {
  const { contractUrls = {}, allowedFor = {}, ...rest } = environment as Partial<Environment>;
  const variables = Object.entries({ ...rest, ...contractUrls, ...allowedFor }).filter(
    ([, value]) => value !== undefined && typeof value !== 'function',
  );
  return Object.fromEntries(
    variables.map(([name, value]) => [
      name,
      typeof value === 'string' || isSecretName(name) ? shown(name, value) : value,
    ]),
  );
}

function withDefaultUrls({
  DATABASE_URL,
  COMMANDS_URL,
  BROADCASTS_URL,
  EVENTS_URL,
}: z.infer<typeof kit>) {
  return {
    COMMANDS_URL: COMMANDS_URL ?? DATABASE_URL,
    BROADCASTS_URL: BROADCASTS_URL ?? DATABASE_URL,
    EVENTS_URL: EVENTS_URL ?? DATABASE_URL,
  };
}

/** True when a listener on this host accepts connections from other machines. */
const isReachable = (host?: string): boolean =>
  host !== undefined && !/^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host);

const OPERATORS = ['OPERATORS_ISSUER', 'OPERATORS_AUDIENCE', 'OPERATORS_JWKS_URL'];

/** The variables that are missing: all three must be set, or none. */
function missingOfOperators(given: Variables): readonly string[] {
  const missing = OPERATORS.filter((name) => given[name] === undefined);
  return missing.length < OPERATORS.length ? missing : [];
}

const NO_TOKEN = (variable: string, host: string): string =>
  `OPERATIONS_TOKEN is not set, but ${variable} is ${host}: whoever reaches that address could read and discard messages; set it to a secret of 16 characters or more, the same for all services`;

function callsOf(given: Variables, template: string) {
  return (owner: string) =>
    given[`CALLS_URL_${owner.toUpperCase().replaceAll('-', '_')}`] ??
    template.replaceAll('{owner}', owner);
}

function sentence(issue: z.core.$ZodIssue, given: Variables, shape: z.ZodRawShape): string {
  const name = String(issue.path[0]);
  const purpose = (shape[name] as z.ZodType | undefined)?.description;
  const about = purpose === undefined ? '' : ` (${purpose})`;
  if (given[name] === undefined) return `${name} is not set${about}; set it in the environment`;
  return `${name} is "${shown(name, given[name])}", but ${issue.message.charAt(0).toLowerCase()}${issue.message.slice(1)}${about}`;
}

const shown = (name: string, value: unknown): string =>
  isSecretName(name) ? HIDDEN : withoutSecretsInText(String(value));
