import { Address } from './address';

describe('the address of nats', () => {
  it('has a server, a user and options', () => {
    const address = new Address('nats://ada:s%40crt@broker?lease=5s&prefix=shop-');
    expect(address.connection).toEqual({ servers: 'broker', user: 'ada', pass: 's@crt' });
    expect(address).toMatchObject({ leaseMs: 5_000, prefix: 'shop-', replicas: 1 });
  });

  it('takes a user without a password for a token', () =>
    expect(new Address('nats://s3cret@broker').connection).toEqual({
      servers: 'broker',
      token: 's3cret',
    }));

  it('is shown without user and password', () =>
    expect(String(new Address('nats://ada:secret@broker:1'))).toBe('nats://broker:1'));

  it.each([
    ['http://broker', /not a NATS URL/],
    ['nats://', /not a NATS URL/],
    ['nats://broker?leese=1s', /no option "leese"/],
    ['nats://broker?lease=soon', /lease .* is a duration/],
    ['nats://broker?prefix=a.b', /prefix .* has letters/],
    ['nats://broker?replicas=2', /replicas .* is 1, 3 or 5/],
    ['nats://broker?tls=perhaps', /tls .* is true or false/],
  ])('refuses %s', (url, message) => expect(() => new Address(url)).toThrow(message));
});
