import { bugIn, notReady } from '@parley/messaging/transport';
import { milliseconds, type Duration } from '@parley/contract';
import { notYet } from './coming-up';

export type Mechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512';

const FORM = 'kafka://user:password@host:9092,other:9092?sasl=scram-sha-256, or kafkas:// for TLS';
const SHAPE = /^(kafkas?):\/\/(?:([^@/?#]*)@)?([^@/?#]+)\/?(?:\?([^#]*))?$/;
const MECHANISMS: readonly string[] = ['plain', 'scram-sha-256', 'scram-sha-512'];
const OPTIONS: readonly string[] = [
  'sasl',
  'partitions',
  'replication',
  'min-insync',
  'retention',
  'session',
  'forwarded',
];
const DEFAULT_SESSION_MS = 10_000;
/**
 * The range of session timeouts that Kafka accepts by default (`group.min.session.timeout.ms`,
 * `group.max.session.timeout.ms`).
 */
const [SHORTEST_SESSION, LONGEST_SESSION] = [6_000, 1_800_000];

/** The brokers of a Kafka and the settings of its topics, parsed from its URL. */
export class Address {
  /** `host:port` of the bootstrap brokers. */
  readonly brokers: readonly string[];
  readonly tls: boolean;
  readonly user?: {
    readonly name: string;
    readonly password: string;
    readonly mechanism: Mechanism;
  };
  /** Setting of created topics, and required of existing ones; undefined: the cluster's default. */
  readonly partitions?: number;
  readonly replication?: number;
  readonly minInsync?: number;
  /**
   * Milliseconds that commands and events are kept; -1: for ever. Undefined: the default of their
   * kind.
   */
  readonly retention?: number;
  /** Milliseconds after which a silent instance loses its partitions. */
  readonly session: number;
  /**
   * Reach every broker at the first host and port of the URL, regardless of the address it
   * advertises: for one broker behind a forwarded port.
   */
  readonly forwarded: boolean;

  constructor(secret: string) {
    const [, scheme, credentials, hosts, query] = SHAPE.exec(secret) ?? [];
    if (scheme === undefined || hosts === undefined)
      throw new TypeError(`this is not a Kafka URL; write ${FORM}`);
    const options = optionsOf(query);
    this.tls = scheme === 'kafkas';
    this.brokers = hosts.split(',').map(brokerOf);
    this.user = userOf(credentials, options.get('sasl'));
    this.partitions = countOf(options, 'partitions');
    this.replication = countOf(options, 'replication');
    this.minInsync = countOf(options, 'min-insync');
    this.retention = retentionOf(options.get('retention'));
    this.session = sessionOf(options.get('session'));
    this.forwarded = flagOf(options, 'forwarded');
  }

  /** The address without user and password, for messages and logs. */
  toString(): string {
    return `${this.tls ? 'kafkas' : 'kafka'}://${this.brokers.join(',')}`;
  }
}

/**
 * Kafka could not be used at start. After the start, connections are re-established without an
 * error.
 */
export class KafkaUnavailableError extends Error {
  override readonly name = 'KafkaUnavailableError';
  constructor(address: Address, cause: unknown) {
    super(`Kafka at ${address} ${explain(address, cause)}`, { cause });
  }
}

/** A topic is missing or has other settings than required. */
export class TopologyMismatchError extends Error {
  override readonly name = 'TopologyMismatchError';
}

/** Turns an error while connecting into one sentence. */
export function startFailure(address: Address, thrown: unknown): Error {
  const isExplained =
    thrown instanceof KafkaUnavailableError || thrown instanceof TopologyMismatchError;
  return isExplained ? thrown : (bugIn(thrown) ?? new KafkaUnavailableError(address, thrown));
}

function explain({ user, tls }: Address, cause: unknown): string {
  const answer = notYet(cause);
  if (answer !== undefined) return notReady(answer);
  const why = sentenceOf(cause);
  if (/SASL|authentication failed|credentials/i.test(why)) {
    return user
      ? `refuses the user "${user.name}" (${user.mechanism}): wrong name, password or mechanism; correct the URL`
      : `wants a user; write kafka://user:password@host:port?sasl=scram-sha-256`;
  }
  if (/AUTHORIZATION_FAILED|not authorized/i.test(why))
    return `does not allow what is needed (${why}); grant it to ${user?.name ?? 'everybody'}`;
  if (
    /timed out|no answer|Broker not connected|Closed connection|Connection closed|disconnected before secure|ECONNRESET/i.test(
      why,
    )
  ) {
    return `was reached but does not answer as Kafka does (${why}); is it Kafka that listens there, ${tls ? 'with' : 'without'} TLS and ${user ? 'with' : 'without'} a password?`;
  }
  return `cannot be reached (${why}); is it running, and does the URL point to it?`;
}

/** Returns the innermost message: clients wrap an error in the number of their attempts. */
function sentenceOf(thrown: unknown): string {
  let error = thrown;
  while (error instanceof Error && error.cause instanceof Error) error = error.cause;
  return (
    error instanceof Error
      ? error.message || String((error as { code?: unknown }).code)
      : String(error)
  ).replace(/\s+/g, ' ');
}

function optionsOf(query = ''): URLSearchParams {
  const options = new URLSearchParams(query);
  const unknown = [...options.keys()].find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined)
    throw new TypeError(`a Kafka URL has no option "${unknown}"; it has ${OPTIONS.join(', ')}`);
  return options;
}

function brokerOf(host: string): string {
  const [, name, port = '9092'] = /^(\[[\da-f:.]+\]|[^:[\]\s]+)(?::(\d+))?$/i.exec(host) ?? [];
  if (name === undefined || Number(port) > 65_535)
    throw new TypeError(`"${host}" is not a host and port; write ${FORM}`);
  return `${name}:${port}`;
}

function userOf(credentials: string | undefined, sasl: string | null): Address['user'] {
  if (!credentials) {
    if (sasl !== null)
      throw new TypeError(`sasl=${sasl} takes a user and a password; write ${FORM}`);
    return undefined;
  }
  const mechanism = sasl ?? 'plain';
  if (!MECHANISMS.includes(mechanism))
    throw new TypeError(`sasl=${mechanism} is not supported; use one of ${MECHANISMS.join(', ')}`);
  const [name = '', password = ''] = credentials.split(/:(.*)/s).map(decodeURIComponent);
  return { name, password, mechanism: mechanism as Mechanism };
}

function countOf(options: URLSearchParams, name: string): number | undefined {
  const value = options.get(name);
  if (value === null) return undefined;
  if (!/^[1-9]\d{0,4}$/.test(value))
    throw new TypeError(`the option ${name}=${value} of a Kafka URL is a whole number from 1`);
  return Number(value);
}

function flagOf(options: URLSearchParams, name: string): boolean {
  const value = options.get(name) ?? 'false';
  if (value !== 'true' && value !== 'false')
    throw new TypeError(`the option ${name}=${value} of a Kafka URL is true or false`);
  return value === 'true';
}

function retentionOf(value: string | null): number | undefined {
  return value === null ? undefined : value === 'forever' ? -1 : durationOf('retention', value);
}

function sessionOf(value: string | null): number {
  if (value === null) return DEFAULT_SESSION_MS;
  const session = durationOf('session', value);
  if (session < SHORTEST_SESSION || session > LONGEST_SESSION)
    throw new TypeError(
      `the option session=${value} of a Kafka URL is not between ${SHORTEST_SESSION / 1_000}s and ${LONGEST_SESSION / 60_000}m`,
    );
  return session;
}

function durationOf(name: string, value: string): number {
  try {
    return milliseconds(value as Duration);
  } catch {
    throw new TypeError(
      `the option ${name}=${value} of a Kafka URL is not a duration; write 30d, 12h or 45s`,
    );
  }
}
