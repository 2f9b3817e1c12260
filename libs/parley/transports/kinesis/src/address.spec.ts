import { AwsUnavailableError, startFailure, TopologyMismatchError } from '@parley/aws';
import { Address } from './address';

const own = new Address('kinesis://me:s%40cret@streams.example:4567?insecure=true&region=here');

describe('the address of a Kinesis', () => {
  it('is a region of AWS, whose credentials AWS itself gives', () => {
    const { region, endpoint, credentials, shards, retention, lease, poll } = new Address(
      'kinesis://eu-west-1',
    );
    expect({ region, endpoint, credentials, shards, retention, lease, poll }).toEqual({
      region: 'eu-west-1',
      shards: 2,
      retention: 168,
      lease: 10_000,
      poll: 1_000,
    });
  });

  it('or a host of one’s own', () => {
    expect(own).toMatchObject({
      region: 'here',
      endpoint: 'http://streams.example:4567',
      credentials: { accessKeyId: 'me', secretAccessKey: 's@cret' },
    });
    expect(new Address('kinesis://localhost:4567').endpoint).toBe('https://localhost:4567');
  });

  it('or an IPv6 address', () => {
    expect(new Address('kinesis://[::1]:4567?insecure=true').endpoint).toBe('http://[::1]:4567');
    expect(new Address('kinesis://[::1]').endpoint).toBe('https://[::1]');
  });

  it('shows neither key nor secret', () => {
    expect(String(own)).toBe('kinesis://streams.example:4567');
  });

  it.each(['kinesis://', 'amqp://host', 'eu-west-1', 'kinesis://eu-west-1/stream'])(
    'refuses %s',
    (url) => {
      expect(() => new Address(url)).toThrow('write kinesis://');
    },
  );

  it.each([
    [
      'fanout=yes',
      'has no option "fanout"; it has region, insecure, prefix, shards, retention, lease, poll',
    ],
    ['insecure=yes', 'true or false'],
    ['shards=0', 'a whole number from 1 to 500'],
    ['retention=1h', 'a duration from 24h to 365d'],
    ['poll=soon', 'a duration from 10ms to 60s'],
    ['prefix=a/b', 'letters, digits'],
  ])('refuses the option %s', (option, why) => {
    expect(() => new Address(`kinesis://eu-west-1?${option}`)).toThrow(why);
  });
});

describe('a failed start', () => {
  const sent = (thrown: object) => startFailure(own, Object.assign(new Error(), thrown)).message;

  it('says which credentials are refused, not what they are', () => {
    const message = sent({
      name: 'InvalidClientTokenId',
      message: 'The security token included in the request is invalid',
    });
    expect(message).toBe(
      'Kinesis at kinesis://streams.example:4567 refuses the credentials (The security token included in the request is invalid); correct them, or allow them kinesis:* on the streams of this service',
    );
  });

  it('says that there are none', () => {
    expect(
      sent({
        name: 'CredentialsProviderError',
        message: 'Could not load credentials from any providers',
      }),
    ).toContain('needs credentials');
  });

  it.each([500, 503, 429])('says that the service is not ready yet: HTTP %i', (httpStatusCode) => {
    expect(sent({ message: 'later', $metadata: { httpStatusCode } })).toContain(
      `is there, but not ready yet (HTTP ${httpStatusCode}: later)`,
    );
  });

  it('says that nobody is there', () => {
    expect(sent({ code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' })).toContain(
      'cannot be reached (connect ECONNREFUSED); is it running, and does the URL point to it?',
    );
  });

  it('says that somebody else is there', () => {
    expect(
      sent({ code: 'HPE_INVALID_CONSTANT', message: 'Parse Error: Expected HTTP/' }),
    ).toContain('does not answer like Kinesis (Parse Error: Expected HTTP/)');
  });

  it('says that somebody else is there who answers with a fault', () => {
    const refusal = {
      name: 'SyntaxError',
      message: `Unexpected token 'T', "There was " is not valid JSON`,
    };
    expect(sent({ ...refusal, $metadata: { httpStatusCode: 500 } })).toContain(
      'does not answer like Kinesis',
    );
    expect(sent({ ...refusal, $metadata: { httpStatusCode: 503 } })).toContain('not ready yet');
  });

  it('leaves alone what says enough', () => {
    const failure = new TopologyMismatchError(own, 'the queue stock', 'does not exist');
    expect(startFailure(own, failure)).toBe(failure);
    expect(startFailure(own, new Error('x'))).toBeInstanceOf(AwsUnavailableError);
  });
});
