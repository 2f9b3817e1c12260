import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { hostAndPort, listeningHost, socketHost } from './host';

const familiesHere = Object.values(networkInterfaces()).flatMap((addresses = []) =>
  addresses.map(({ family }) => family),
);

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

  describe('to listen on', () => {
    const address = { netmask: '', mac: '', internal: true, cidr: null };
    const v4 = { ...address, family: 'IPv4', address: '127.0.0.1' } as const;
    const v6 = { ...address, family: 'IPv6', address: '::1', scopeid: 0 } as const;

    it.each([
      ['::', 'both', '::'],
      ['::', 'IPv4', '0.0.0.0'],
      ['::', 'IPv6', '::'],
      ['::1', 'IPv4', '::1'],
      ['0.0.0.0', 'IPv6', '0.0.0.0'],
      ['shop.example', 'IPv4', 'shop.example'],
    ])('for %s on a machine with %s is %s', (host, families, expected) => {
      const lo = [v4, v6].filter(({ family }) => families === 'both' || families === family);
      expect(listeningHost(host, { lo })).toBe(expected);
    });

    it('for :: is answered at loopback of every family that this machine has', async () => {
      const server = createServer((socket) => socket.end()).listen(0, listeningHost('::'));
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      const loopbacks = familiesHere.includes('IPv6') ? ['127.0.0.1', '::1'] : ['127.0.0.1'];
      for (const loopback of loopbacks) await once(connect(port, loopback).resume(), 'end');
      server.close();
    });
  });
});
