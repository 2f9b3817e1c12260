import { notReady, socketHost } from '@parley/messaging/transport';

/** Where a Redis is, as its URL says it. */
export class Address {
  private readonly url: URL;

  constructor(readonly secret: string) {
    const url = URL.canParse(secret) ? new URL(secret) : undefined;
    if (!url?.hostname || !/^rediss?:$/.test(url.protocol) || !/^\/?\d*$/.test(url.pathname)) {
      throw new TypeError(
        'this is not a Redis URL; write redis://user:password@host:6379, or rediss:// for TLS',
      );
    }
    if (url.search || url.hash)
      throw new TypeError(
        `a Redis URL has no options, but this one has "${url.search}${url.hash}"; take them away`,
      );
    this.url = url;
  }

  /** Without user and password: for people and logs. */
  toString(): string {
    return `${this.url.protocol}//${this.url.host}`;
  }

  get options() {
    const { protocol, hostname, port, username, password } = this.url;
    return {
      host: socketHost(hostname),
      port: Number(port || 6379),
      ...(username && { username: decodeURIComponent(username) }),
      ...(password && { password: decodeURIComponent(password) }),
      ...(protocol === 'rediss:' && { tls: {} }),
    };
  }
}

/** Redis could not be used at start. Once started, connections come back by themselves. */
export class RedisUnavailableError extends Error {
  override readonly name = 'RedisUnavailableError';
  constructor(address: Address, why: string) {
    super(`Redis at ${address} ${explain(why)}`);
  }
}

/** Redis's answer to a password for a user without one. */
export const WITHOUT_PASSWORD = /without any password/;

/**
 * Redis's answer while it loads its data, runs a script, or looks for its primary; undefined for
 * every other error.
 */
export const notYet = (error: unknown): string | undefined => {
  const { message = '' } = (error ?? {}) as { message?: string };
  return /^(?:LOADING|BUSY|MASTERDOWN|TRYAGAIN|CLUSTERDOWN) /.test(message) ? message : undefined;
};

function explain(why: string): string {
  const answer = notYet({ message: why });
  if (answer !== undefined) return notReady(answer);
  if (WITHOUT_PASSWORD.test(why))
    return 'asks nobody for a password, but its URL has one; let Redis ask for it (requirepass), or take it out of BROADCASTS_URL';
  if (/WRONGPASS|NOAUTH/.test(why))
    return 'refuses the user: wrong name or password; correct BROADCASTS_URL';
  if (/NOPERM/.test(why))
    return `lets the user in, but not to these channels (${why}); grant &parley.*`;
  if (/Unknown RESP type/.test(why))
    return 'is something else: what answers there does not speak as Redis does; correct BROADCASTS_URL';
  if (/^Connection is closed|ECONNRESET/.test(why))
    return `hangs up (${why}); is it Redis that listens there, and does it want TLS (rediss://)?`;
  return `cannot be reached (${why}); is it running, and does BROADCASTS_URL point to it?`;
}
