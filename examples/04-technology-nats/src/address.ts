import { isDuration, milliseconds, type Duration } from '@parley/contract';

const OPTIONS = ['lease', 'prefix', 'replicas', 'retention', 'tls'];

/** The address of a NATS server, parsed from its URL. */
export class Address {
  private readonly url: URL;
  /** Milliseconds for which a message stays with its consumer, unless renewed. */
  readonly leaseMs: number;
  /** Milliseconds for which events are kept. */
  readonly retentionMs: number;
  /** Servers that hold each stream. */
  readonly replicas: number;
  /** Begins the names of streams and subjects, so that deployments can share an account. */
  readonly prefix: string;

  constructor(secret: string) {
    const url = URL.canParse(secret) ? new URL(secret) : undefined;
    if (!url?.hostname || url.protocol !== 'nats:' || !/^\/?$/.test(url.pathname) || url.hash)
      throw new TypeError('this is not a NATS URL; write nats://user:password@host:4222');
    const unknown = [...url.searchParams.keys()].find((option) => !OPTIONS.includes(option));
    if (unknown !== undefined)
      throw new TypeError(`a NATS URL has no option "${unknown}"; it has ${OPTIONS.join(', ')}`);
    this.url = url;
    this.leaseMs = this.duration('lease', '30s', '1s', '1h');
    this.retentionMs = this.duration('retention', '7d', '1m', '3650d');
    this.replicas = Number(this.option('replicas', '1', /^[135]$/, 'is 1, 3 or 5'));
    this.prefix = this.option('prefix', 'parley-', /^[\w-]*$/, 'has letters, digits, - and _');
    this.option('tls', 'false', /^(true|false)$/, 'is true or false');
  }

  /** The address without user and password, for messages and logs. */
  toString(): string {
    return `${this.url.protocol}//${this.url.host}`;
  }

  /** The server and the credentials, as the client takes them. A user without a password: a token. */
  get connection() {
    const { host, username, password, searchParams } = this.url;
    const [user, pass] = [decodeURIComponent(username), decodeURIComponent(password)];
    return {
      servers: host,
      ...(user && (pass ? { user, pass } : { token: user })),
      ...(searchParams.get('tls') === 'true' && { tls: {} }),
    };
  }

  private option(name: string, otherwise: string, pattern: RegExp, rule: string): string {
    const value = this.url.searchParams.get(name) ?? otherwise;
    if (!pattern.test(value))
      throw new TypeError(`the option ${name} of a NATS URL ${rule}, not "${value}"`);
    return value;
  }

  private duration(name: string, otherwise: Duration, least: Duration, most: Duration): number {
    const value = this.url.searchParams.get(name) ?? otherwise;
    const asked = isDuration(value) ? milliseconds(value) : NaN;
    if (asked >= milliseconds(least) && asked <= milliseconds(most)) return asked;
    throw new TypeError(
      `the option ${name} of a NATS URL is a duration from ${least} to ${most}, not "${value}"`,
    );
  }
}
