import { Address, RedisUnavailableError } from './address';

describe('the address of a Redis', () => {
  it('shows neither user nor password', () => {
    const address = new Address('rediss://me:s%40cret@cache.example:6380');
    expect(String(address)).toBe('rediss://cache.example:6380');
    expect(address.options).toEqual({
      host: 'cache.example',
      port: 6380,
      username: 'me',
      password: 's@cret',
      tls: {},
    });
    expect(new RedisUnavailableError(address, 'connect ECONNREFUSED').message).not.toContain(
      'cret',
    );
  });

  it('may be an IPv6 address', () => {
    expect(new Address('redis://[::1]:6380').options).toEqual({ host: '::1', port: 6380 });
    expect(String(new Address('redis://[::1]:6380'))).toBe('redis://[::1]:6380');
  });

  it.each(['redis://', 'amqp://host', 'host:6379', 'redis://host/db'])('refuses %s', (url) => {
    expect(() => new Address(url)).toThrow('write redis://');
  });

  it('refuses options, of which it has none', () => {
    expect(() => new Address('redis://host?colour=blue')).toThrow(
      'a Redis URL has no options, but this one has "?colour=blue"; take them away',
    );
  });

  it.each([
    [
      'ERR AUTH <password> called without any password configured for the default user.',
      /asks nobody for a password, but its URL has one; let Redis ask/,
    ],
    [
      'LOADING Redis is loading',
      /is there, but not ready yet \(LOADING Redis is loading\); .*again/,
    ],
    ['WRONGPASS invalid username-password pair', /refuses the user: .*; correct/],
    ['Unknown RESP type 72 "H". Please report this.', /is something else: .*; correct/],
    ['read ECONNRESET', /hangs up \(read ECONNRESET\); is it Redis/],
    [
      'connect ECONNREFUSED 127.0.0.1:9',
      /cannot be reached \(connect ECONNREFUSED 127.0.0.1:9\); is it running/,
    ],
  ])('says in one sentence what to do about %j', (why, expected) => {
    expect(new RedisUnavailableError(new Address('redis://cache'), why).message).toMatch(expected);
  });
});
