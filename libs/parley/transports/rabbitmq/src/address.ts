import { bugIn } from '@parley/messaging/transport';
/** Of AMQP's own tuning; the client reads them. */
const OPTIONS: readonly string[] = ['heartbeat', 'frameMax', 'channelMax', 'locale'];

/** Where a RabbitMQ is, as its URL says it. */
export class Address {
  private readonly url: URL;

  constructor(readonly secret: string) {
    const url = URL.canParse(secret) ? new URL(secret) : undefined;
    if (!url?.hostname || !/^amqps?:$/.test(url.protocol) || url.hash) {
      throw new TypeError(
        'this is not a RabbitMQ URL; write amqp://user:password@host:5672/virtual-host, or amqps:// for TLS',
      );
    }
    const unknown = [...url.searchParams.keys()].find((option) => !OPTIONS.includes(option));
    if (unknown !== undefined)
      throw new TypeError(
        `a RabbitMQ URL has no option "${unknown}"; it has ${OPTIONS.join(', ')}`,
      );
    const unfit = [...url.searchParams].find(
      ([option, value]) => option !== 'locale' && !/^\d+$/.test(value),
    );
    if (unfit)
      throw new TypeError(`the option ${unfit.join('=')} of a RabbitMQ URL is a whole number`);
    this.url = url;
  }

  /** Without user and password: for people and logs. */
  toString(): string {
    return `${this.url.protocol}//${this.url.host}${this.url.pathname}`;
  }

  get user(): string {
    return decodeURIComponent(this.url.username || 'guest');
  }
}

/** RabbitMQ could not be used at start. Once started, connections come back by themselves. */
export class RabbitUnavailableError extends Error {
  override readonly name = 'RabbitUnavailableError';
  constructor(address: Address, cause: unknown) {
    super(`RabbitMQ at ${address} ${explain(address, cause)}`, { cause });
  }
}

/** A queue or an exchange is there, but not as this version declares it. */
export class TopologyMismatchError extends Error {
  override readonly name = 'TopologyMismatchError';
  constructor(address: Address, cause: Error) {
    const [, found = 'a queue', why = cause.message] =
      /PRECONDITION_FAILED - (?:.* for (?:queue|exchange) '([^']+)'.*?: )?(.*?)"?$/.exec(
        cause.message,
      ) ?? [];
    super(
      `RabbitMQ at ${address} holds ${found} with other settings (${why}); delete it when it is empty, or use another virtual host`,
      { cause },
    );
  }
}

/** A queue or an exchange is not there, and is somebody else's to make. */
export class NotThereError extends Error {
  override readonly name = 'NotThereError';
  constructor(address: Address, what: string) {
    super(
      `RabbitMQ at ${address} has no ${what}, and the topology is only verified here; make it first, as "npm run parley -- topology" prints it`,
    );
  }
}

/** What was thrown while connecting or declaring, as one sentence. */
export function startFailure(address: Address, thrown: unknown): Error {
  if (
    thrown instanceof RabbitUnavailableError ||
    thrown instanceof TopologyMismatchError ||
    thrown instanceof NotThereError
  )
    return thrown;
  // Nest rejects with the connection manager's `{ err, url }`; that URL has the password in it.
  const cause =
    thrown instanceof Error ? thrown : ((thrown as { err?: unknown } | undefined)?.err ?? thrown);
  if (cause instanceof Error && (cause as { code?: unknown }).code === 406)
    return new TopologyMismatchError(address, cause);
  return bugIn(cause) ?? new RabbitUnavailableError(address, cause);
}

function explain(address: Address, cause: unknown): string {
  const why =
    cause instanceof Error
      ? cause.message || String((cause as { code?: unknown }).code)
      : String(cause);
  if (/ACCESS.REFUSED/.test(why))
    return `refuses the user "${address.user}": wrong name or password, or no right to what it asked for; correct its URL`;
  // RabbitMQ closes instead of opening; amqplib says only that.
  if (/NOT.ALLOWED|ConnectionOpenOk/.test(why))
    return `has no such virtual host, or not for the user "${address.user}"; create it or correct its URL`;
  if (
    /Invalid frame|Frame size|server closed .*before|Expected ConnectionStart|protocol version/i.test(
      why,
    )
  )
    return `is something else: what answers there does not speak AMQP 0-9-1; correct its URL`;
  if (/closed abruptly|ECONNRESET/.test(why))
    return `hangs up (${why}); is it RabbitMQ that listens there, and does it want TLS (amqps://)?`;
  return `cannot be reached (${why}); is it running, and does its URL point to it?`;
}
