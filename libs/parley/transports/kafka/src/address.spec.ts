import { Address, KafkaUnavailableError, startFailure, TopologyMismatchError } from './address';

describe('a Kafka URL', () => {
  it('names brokers, a user, TLS and what topics are to be like', () => {
    const url =
      'kafkas://me:p%40ss:word@one:9093,two?sasl=scram-sha-512&partitions=12&replication=3&min-insync=2&retention=30d&session=30s';
    expect(new Address(url)).toMatchObject({
      brokers: ['one:9093', 'two:9092'],
      tls: true,
      user: { name: 'me', password: 'p@ss:word', mechanism: 'scram-sha-512' },
      partitions: 12,
      replication: 3,
      minInsync: 2,
      retention: 30 * 86_400_000,
      session: 30_000,
      forwarded: false,
    });
  });

  it('leaves the rest to the cluster', () => {
    const { partitions, replication, minInsync, retention, session, user, tls } = new Address(
      'kafka://127.0.0.1:9092/',
    );
    expect({ partitions, replication, minInsync, retention, session, user, tls }).toEqual({
      session: 10_000,
      tls: false,
    });
    expect([
      new Address('kafka://a?retention=forever').retention,
      new Address('kafka://me:x@a').user?.mechanism,
    ]).toEqual([-1, 'plain']);
  });

  it('may name IPv6 addresses', () => {
    expect(new Address('kafka://me:x@[::1]:9093,[::2]').brokers).toEqual([
      '[::1]:9093',
      '[::2]:9092',
    ]);
    expect(() => new Address('kafka://::1:9092')).toThrow('is not a host and port');
  });

  it('shows neither user nor password', () => {
    expect(String(new Address('kafka://me:secret@one,two:9093?partitions=3'))).toBe(
      'kafka://one:9092,two:9093',
    );
  });

  it.each([
    ['amqp://host', /not a Kafka URL/],
    ['kafka://', /not a Kafka URL/],
    ['kafka://one,two:x', /"two:x" is not a host and port/],
    ['kafka://host?acks=1', /no option "acks"/],
    ['kafka://me:secret@host?sasl=gssapi', /sasl=gssapi is not supported; use one of plain/],
    ['kafka://host?sasl=plain', /takes a user and a password/],
    ['kafka://host?partitions=0', /partitions=0 of a Kafka URL is a whole number from 1/],
    ['kafka://host?retention=long', /retention=long of a Kafka URL is not a duration/],
    ['kafka://host?session=1s', /session=1s of a Kafka URL is not between 6s and 30m/],
    ['kafka://host?forwarded=perhaps', /forwarded=perhaps of a Kafka URL is true or false/],
  ])('says in one sentence what is wrong with %s', (url, expected) => {
    const refused = () => new Address(url);
    expect(refused).toThrow(expected);
    expect(refused).not.toThrow(/secret|\n/);
  });
});

describe('what is said of a failed start', () => {
  const address = new Address('kafka://me:secret@host:9093?sasl=scram-sha-256');
  const wrapped = (message: string) => new Error('tried 3 times', { cause: new Error(message) });

  it.each([
    [
      'SASL SCRAM SHA256 authentication failed: Authentication failed',
      /refuses the user "me" \(scram-sha-256\)/,
    ],
    [
      'connect ECONNREFUSED 127.0.0.1:9093',
      /cannot be reached \(connect ECONNREFUSED 127.0.0.1:9093\); is it running/,
    ],
    ['Request ApiVersions(key: 18, version: 2) timed out', /does not answer as Kafka does/],
    ['Closed connection', /does not answer as Kafka does/],
  ])('of "%s"', (message, expected) => {
    const failure = startFailure(address, wrapped(message));
    expect(failure).toMatchObject({
      name: 'KafkaUnavailableError',
      message: expect.stringMatching(expected) as string,
    });
    expect(failure.message).not.toMatch(/secret|\n/);
  });

  it('is what was said already', () => {
    for (const sent of [new KafkaUnavailableError(address, 'x'), new TopologyMismatchError('y')])
      expect(startFailure(address, sent)).toBe(sent);
  });
});
