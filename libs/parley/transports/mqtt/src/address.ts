import { notReady, socketHost } from '@parley/messaging/transport';

const DEFAULT_PORT = { 'mqtt:': 1_883, 'mqtts:': 8_883 } as const;
const OPTIONS = ['by', 'retain', 'mode'] as const;
type Option = (typeof OPTIONS)[number];

/** Where an MQTT broker is, and how contracts are said there, as a URL says it. */
export class Address {
  private readonly url: URL;
  /**
   * The payload's field that becomes the last level of the topic, so that a device can follow one
   * parcel only.
   */
  readonly by?: string;
  /** True when the broker keeps the last value of every topic for devices that come later. */
  readonly retain: boolean;
  /**
   * `structured`: one JSON document a message, for devices that speak MQTT 3.1.1 and want the
   * envelope, too.
   */
  readonly mode: 'binary' | 'structured';

  constructor(readonly secret: string) {
    const url = URL.canParse(secret) ? new URL(secret) : undefined;
    if (
      !url?.hostname ||
      !(url.protocol in DEFAULT_PORT) ||
      !/^\/?$/.test(url.pathname) ||
      url.hash
    ) {
      throw new TypeError(
        'this is not an MQTT URL; write mqtt://user:password@host:1883, or mqtts:// for TLS',
      );
    }
    this.url = url;
    const options = optionsOf(url.searchParams);
    this.by = options.by;
    this.retain = oneOf('retain', options.retain ?? 'false', ['true', 'false']) === 'true';
    this.mode = oneOf('mode', options.mode ?? 'binary', ['binary', 'structured']);
  }

  /** Without user and password: for people and logs. */
  toString(): string {
    return `${this.url.protocol}//${this.url.host}`;
  }

  get user(): string {
    return decodeURIComponent(this.url.username) || 'nobody';
  }

  get connection() {
    const { protocol, hostname, port, username, password } = this.url;
    return {
      protocol: protocol.slice(0, -1) as 'mqtt' | 'mqtts',
      host: socketHost(hostname),
      port: Number(port || DEFAULT_PORT[protocol as keyof typeof DEFAULT_PORT]),
      ...(username && { username: decodeURIComponent(username) }),
      ...(password && { password: decodeURIComponent(password) }),
    };
  }
}

/** The broker could not be used at start. Once started, connections come back by themselves. */
export class MqttUnavailableError extends Error {
  override readonly name = 'MqttUnavailableError';
  constructor(address: Address, cause: unknown) {
    super(`the MQTT broker at ${address} ${explain(address, cause)}`, { cause });
  }
}

function optionsOf(parameters: URLSearchParams): Partial<Record<Option, string>> {
  const unknown = [...parameters.keys()].find(
    (name) => !(OPTIONS as readonly string[]).includes(name),
  );
  if (unknown !== undefined)
    throw new TypeError(`an MQTT URL has no option "${unknown}"; it has ${OPTIONS.join(', ')}`);
  return Object.fromEntries(parameters) as Partial<Record<Option, string>>;
}

function oneOf<T extends string>(option: Option, value: string, values: readonly T[]): T {
  if ((values as readonly string[]).includes(value)) return value as T;
  throw new TypeError(
    `the option ${option} of an MQTT URL is ${values.join(' or ')}, not "${value}"`,
  );
}

/** Reason codes of CONNACK, of MQTT 5 and 3.1.1. */
const REFUSED = new Set([4, 5, 134, 135]);
const OTHER_VERSION = new Set([1, 132]);
/** Server unavailable (of both versions), server busy, connection rate exceeded. */
const NOT_YET = new Set([3, 136, 137, 159]);

/** The broker's answer when it took the connection and cannot serve it yet. */
export const notYet = (error: unknown): string | undefined => {
  const { message, code } = (error ?? {}) as { message?: string; code?: unknown };
  return NOT_YET.has(code as number) ? `${message} (code ${String(code)})` : undefined;
};

function explain(address: Address, cause: unknown): string {
  const { message = String(cause), code } = (cause ?? {}) as {
    message?: string;
    code?: number | string;
  };
  const why = (message || String(code)).replace(/\s+/g, ' ');
  if (REFUSED.has(code as number))
    return `refuses the user "${address.user}": wrong name or password; correct the URL`;
  if (OTHER_VERSION.has(code as number))
    return 'does not speak MQTT 5; use one that does, devices may still speak 3.1.1';
  const answer = notYet(cause);
  if (answer !== undefined) return notReady(answer);
  if (/does not offer/.test(why)) return why;
  if (/header|packet|parse|protocol|connack/i.test(why) && !/timeout/i.test(why))
    return 'is something else: what answers there does not speak MQTT; correct the URL';
  if (/^the connection was closed|ECONNRESET/.test(why))
    return `hangs up (${why}); is it an MQTT broker that listens there, and does it want TLS (mqtts://)?`;
  return `cannot be reached (${why}); is it running, and does the URL point to it?`;
}
