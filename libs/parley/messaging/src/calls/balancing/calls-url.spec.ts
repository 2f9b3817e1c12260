import { addressesIn, readCallsUrl } from './calls-url';

const read = (url: string) => readCallsUrl(url, ['grpc', 'grpcs']);

describe('a URL for calls', () => {
  it.each([
    ['grpc://10.0.0.1:5020', [{ host: '10.0.0.1', port: 5020 }]],
    ['grpcs://a-b.c:1/', [{ host: 'a-b.c', port: 1 }]],
    [
      'grpc://localhost:1,10.0.0.2:2',
      [
        { host: '127.0.0.1', port: 1 },
        { host: '10.0.0.2', port: 2 },
      ],
    ],
    [
      'grpc://[::1]:1,[fe80::1]:2',
      [
        { host: '::1', port: 1 },
        { host: 'fe80::1', port: 2 },
      ],
    ],
  ])('lists the instances of %s', (url, hosts) => {
    expect(read(url).hosts).toEqual(hosts);
  });

  it.each([
    ['grpc:///run/calls/catalog', '/run/calls/catalog', 'round-robin'],
    ['grpc:///a%20b?balance=least-requests', '/a b', 'least-requests'],
  ])('names the file of %s', (url, file, balance) => {
    expect(read(url)).toEqual({ scheme: 'grpc', hosts: [], file, balance });
  });

  it('reads addresses from the text of a file', () => {
    const text = '# catalog\n10.0.0.1:1\n\n [::1]:2\r\n';
    expect(addressesIn(text, 'f')).toEqual([
      { host: '10.0.0.1', port: 1 },
      { host: '::1', port: 2 },
    ]);
    expect(() => addressesIn('10.0.0.1', 'f')).toThrow('f has "10.0.0.1" where host:port');
  });

  it.each([
    ['grpc://a:1', 'round-robin'],
    ['grpc://a:1?balance=least-requests', 'least-requests'],
    ['grpc://a:1/?balance=mesh', 'mesh'],
  ])('chooses the balance of %s', (url, balance) => {
    expect(read(url).balance).toBe(balance);
  });

  it.each([
    'http://a:1',
    'grpc://',
    'grpc://a',
    'grpc://a:1,b:2',
    'grpc://a:99999',
    'grpc://a:0',
    'grpc://a:1,',
    'grpc://[::z]:1',
    'grpc://a:1/path',
    'grpc://a:1?colour=blue',
    'grpc://a:1?balance=random',
    'grpc://10.0.0.1:1,10.0.0.2:1?balance=mesh',
    'grpc:///file?balance=mesh',
  ])('%s is refused with the right form', (url) => {
    expect(() => read(url)).toThrow(/write grpc:\/\/10\.0\.0\.1:5020.*balance=round-robin/);
  });

  it('does not repeat a password', () => {
    expect(() => read('grpc://me:secret@a:1')).toThrow(/^(?!.*secret)/);
  });
});
