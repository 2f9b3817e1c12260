import { bugIn, notReady } from '@parley/messaging/transport';

/** Options of AMQP's own tuning; the client reads them. */
const OPTIONS: readonly string[] = ['heartbeat', 'frameMax', 'channelMax', 'locale'];

/** The address of a RabbitMQ, parsed from its URL. */
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
    if (url.searchParams.get('heartbeat') === '0')
      throw new TypeError(
        'heartbeat=0 of a RabbitMQ URL leaves a silent network unnoticed; give it seconds, or leave it out',
      );
    const unfit = [...url.searchParams].find(
      ([option, value]) => option !== 'locale' && !/^\d+$/.test(value),
    );
    if (unfit)
      throw new TypeError(`the option ${unfit.join('=')} of a RabbitMQ URL is a whole number`);
    this.url = url;
  }

  /** The address without user and password, for messages and logs. */
  toString(): string {
    return `${this.url.protocol}//${this.url.host}${this.url.pathname}`;
  }

  get user(): string {
    return decodeURIComponent(this.url.username || 'guest');
  }
}

/**
 * RabbitMQ could not be used at start. After the start, connections are re-established without an
 * error.
 */
export class RabbitUnavailableError extends Error {
  override readonly name = 'RabbitUnavailableError';
  constructor(address: Address, cause: unknown) {
    super(`RabbitMQ at ${address} ${explain(address, cause)}`, { cause });
  }
}

/** A queue or an exchange exists with other settings than this version declares. */
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

/** A queue or an exchange is missing, and PARLEY_TOPOLOGY=verify forbids creating it. */
export class NotThereError extends Error {
  override readonly name = 'NotThereError';
  constructor(address: Address, what: string) {
    super(
      `RabbitMQ at ${address} has no ${what}, and the topology is only verified here; make it first, as "npm run parley -- topology" prints it`,
    );
  }
}

/**
 * RabbitMQ closed the connection instead of opening the virtual host. amqplib drops its code and
 * text, so a virtual host that is down (541), one that is missing and one that is forbidden (530)
 * look the same: all of them are waited for.
 */
const NOT_OPENED = /ConnectionOpenOk/;
/** Replies: connection-forced, of a node that starts, stops or drains; internal-error. */
const NOT_YET: readonly unknown[] = [320, 541];

/**
 * RabbitMQ's answer when it was reached and cannot serve yet: its node is not wholly up, or another
 * one that has the queue is not. Undefined for every other error.
 */
export function notYet(thrown: unknown): string | undefined {
  const cause = causeOf(thrown);
  if (!(cause instanceof Error)) return undefined;
  const { code, message } = cause as Error & { readonly code?: unknown };
  if (NOT_OPENED.test(message))
    return `its virtual host is missing, refused to this user, or down (${message})`;
  const isDown = /is down|down or inaccessible|terminated by server: (?:320|541)\b/i.test(message);
  return NOT_YET.includes(code) || isDown ? message : undefined;
}

/** Nest rejects with the connection manager's `{ err, url }`; that URL has the password in it. */
function causeOf(thrown: unknown): unknown {
  const cause =
    thrown instanceof Error ? thrown : ((thrown as { err?: unknown } | undefined)?.err ?? thrown);
  return cause instanceof RabbitUnavailableError ? cause.cause : cause;
}

/** Turns an error while connecting or declaring into one sentence. */
export function startFailure(address: Address, thrown: unknown): Error {
  if (
    thrown instanceof RabbitUnavailableError ||
    thrown instanceof TopologyMismatchError ||
    thrown instanceof NotThereError
  )
    return thrown;
  const cause = causeOf(thrown);
  if (cause instanceof Error && (cause as { code?: unknown }).code === 406)
    return new TopologyMismatchError(address, cause);
  return bugIn(cause) ?? new RabbitUnavailableError(address, cause);
}

function explain(address: Address, cause: unknown): string {
  const why =
    cause instanceof Error
      ? cause.message || String((cause as { code?: unknown }).code)
      : String(cause);
  if (NOT_OPENED.test(why))
    return `has no such virtual host, not for the user "${address.user}", or it is down; create it, correct its URL, or start it again (rabbitmqctl restart_vhost)`;
  const answer = notYet(cause);
  if (answer !== undefined) return notReady(answer);
  if (/ACCESS.REFUSED/.test(why))
    return `refuses the user "${address.user}": wrong name or password, or no right to what it asked for; correct its URL`;
  if (/NOT.ALLOWED/.test(why))
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
