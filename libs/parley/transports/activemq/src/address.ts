import { bugIn, notReady, socketHost } from '@parley/messaging/transport';

const DEFAULT_PORT = { 'activemq:': 61_616, 'activemqs:': 61_617 } as const;

/** Where an ActiveMQ Artemis is, as its URL says it. */
export class Address {
  private readonly url: URL;

  constructor(readonly secret: string) {
    const url = URL.canParse(secret) ? new URL(secret) : undefined;
    if (!url?.hostname || !(url.protocol in DEFAULT_PORT) || !/^\/?$/.test(url.pathname)) {
      throw new TypeError(
        'this is not an ActiveMQ URL; write activemq://user:password@host:61616, or activemqs:// for TLS',
      );
    }
    if (url.search || url.hash)
      throw new TypeError(
        `an ActiveMQ URL has no options, but this one has "${url.search}${url.hash}"; take them away`,
      );
    this.url = url;
  }

  /** Without user and password: for people and logs. */
  toString(): string {
    return `${this.url.protocol}//${this.url.host}`;
  }

  get user(): string {
    return decodeURIComponent(this.url.username) || 'anonymous';
  }

  /** Options of rhea's connection. Without a password it connects as anonymous. */
  get options() {
    const { protocol, hostname, port, password } = this.url;
    return {
      host: socketHost(hostname),
      port: Number(port || DEFAULT_PORT[protocol as keyof typeof DEFAULT_PORT]),
      username: this.user,
      ...(password && { password: decodeURIComponent(password) }),
      transport: protocol === 'activemqs:' ? ('tls' as const) : ('tcp' as const),
    };
  }
}

/** ActiveMQ could not be used at start. Once started, connections come back by themselves. */
export class ActiveMqUnavailableError extends Error {
  override readonly name = 'ActiveMqUnavailableError';
  constructor(address: Address, cause: unknown) {
    super(`ActiveMQ at ${address} ${explain(address, cause)}`, { cause });
  }
}

/** A queue or address of ActiveMQ is missing, or has settings other than this version needs. */
export class TopologyMismatchError extends Error {
  override readonly name = 'TopologyMismatchError';
  constructor(address: Address, what: string) {
    super(`ActiveMQ at ${address} ${what}`);
  }
}

/** An error of connecting or declaring, as one sentence. */
export function startFailure(address: Address, thrown: unknown): Error {
  const isExplained =
    thrown instanceof ActiveMqUnavailableError || thrown instanceof TopologyMismatchError;
  return isExplained ? thrown : (bugIn(thrown) ?? new ActiveMqUnavailableError(address, thrown));
}

/** Conditions by which Artemis ends what it cannot serve while it starts, stops or fails over. */
const NOT_YET = /^amqp:(?:connection:forced|internal-error|illegal-state)$/;

/** Artemis's answer when it was reached and cannot serve yet; undefined for every other error. */
export function notYet(thrown: unknown): string | undefined {
  const { message, condition, description, cause } = (thrown ?? {}) as Partial<
    Record<'message' | 'condition' | 'description', string>
  > & { readonly cause?: unknown };
  if (thrown instanceof ActiveMqUnavailableError) return notYet(cause);
  if (!NOT_YET.test(condition ?? '')) return undefined;
  return `${condition}: ${(message || description || 'no description').replace(/\s+/g, ' ')}`;
}

function explain(address: Address, cause: unknown): string {
  const answer = notYet(cause);
  if (answer !== undefined) return notReady(answer);
  const { message, code, condition, description } = (cause ?? {}) as Partial<
    Record<'message' | 'code' | 'condition' | 'description', string>
  >;
  const why = (message || description || code || condition || String(cause)).replace(/\s+/g, ' ');
  if (condition === 'amqp:unauthorized-access' && !/permission/.test(why))
    return `refuses the user "${address.user}": wrong name or password; correct the URL`;
  const permission = /does not have permission='(\w+)'.* on (?:address|queue) (\S+)/.exec(why);
  if (permission)
    return `lets the user "${address.user}" in, but not ${permission[1]} ${permission[2]}; grant it`;
  if (/protocol header|AMQP version|not ActiveMQ/i.test(why))
    return `is something else: what answers there is not ActiveMQ Artemis; correct the URL`;
  if (/closed at once|ECONNRESET/.test(why))
    return `hangs up (${why}); is it ActiveMQ that listens there, and does it want TLS (activemqs://)?`;
  return `cannot be reached (${why}); is it running, and does the URL point to it?`;
}
