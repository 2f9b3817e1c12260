import { hostAndPort, socketHost } from './host';

describe('a host', () => {
  it.each([
    ['postgres://[::1]:5432/shop', '::1'],
    ['postgres://127.0.0.1:5432/shop', '127.0.0.1'],
    ['postgres://db.example/shop', 'db.example'],
  ])('of %s is %s to a socket', (url, host) => {
    expect(socketHost(new URL(url).hostname)).toBe(host);
  });

  it.each([
    ['::1', '[::1]:80'],
    ['[::1]', '[::1]:80'],
    ['127.0.0.1', '127.0.0.1:80'],
    ['db.example', 'db.example:80'],
  ])('%s with a port is %s', (host, written) => {
    expect(hostAndPort(host, 80)).toBe(written);
  });
});
