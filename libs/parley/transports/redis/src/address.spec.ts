import { Address, RedisUnavailable } from './address';

describe('the address of a Redis', () => {
  it('shows neither user nor password', () => {
    const address = new Address('rediss://me:s%40cret@cache.example:6380');
    expect(String(address)).toBe('rediss://cache.example:6380');
    expect(address.options).toEqual({ host: 'cache.example', port: 6380, username: 'me', password: 's@cret', tls: {} });
    expect(new RedisUnavailable(address, 'connect ECONNREFUSED').message).not.toContain('cret');
  });

  it.each(['redis://', 'amqp://host', 'host:6379', 'redis://host/db'])('refuses %s', (url) => {
    expect(() => new Address(url)).toThrow('write redis://');
  });
});
