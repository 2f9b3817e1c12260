import { AwsUnavailableError, startFailure, TopologyMismatchError } from '@parley/aws';
import { Address } from './address';

const own = new Address('sqs://me:s%40cret@queues.example:9324?insecure=true&region=here');

describe('the address of an SQS', () => {
  it('is a region of AWS, whose credentials AWS itself gives', () => {
    const { region, endpoint, credentials, lease, wait } = new Address('sqs://eu-west-1');
    expect({ region, endpoint, credentials, lease, wait }).toEqual({
      region: 'eu-west-1',
      lease: 30,
      wait: 2,
    });
  });

  it('or a host of one’s own', () => {
    expect(own).toMatchObject({
      region: 'here',
      endpoint: 'http://queues.example:9324',
      credentials: { accessKeyId: 'me', secretAccessKey: 's@cret' },
    });
    expect(new Address('sqs://localhost:9324').endpoint).toBe('https://localhost:9324');
  });

  it('or an IPv6 address', () => {
    expect(new Address('sqs://[::1]:9324?insecure=true').endpoint).toBe('http://[::1]:9324');
    expect(new Address('sqs://[::1]').endpoint).toBe('https://[::1]');
  });

  it('shows neither key nor secret', () => {
    expect(String(own)).toBe('sqs://queues.example:9324');
  });

  it.each(['sqs://', 'amqp://host', 'eu-west-1', 'sqs://eu-west-1/queue'])('refuses %s', (url) => {
    expect(() => new Address(url)).toThrow('write sqs://');
  });

  it.each([
    ['visibility=3', 'has no option "visibility"; it has region, insecure, prefix, lease, wait'],
    ['insecure=yes', 'true or false'],
    ['lease=1s', 'a duration from 3s to 12h'],
    ['wait=long', 'a duration from 0s to 20s'],
    ['prefix=a.b', 'letters, digits'],
  ])('refuses the option %s', (option, why) => {
    expect(() => new Address(`sqs://eu-west-1?${option}`)).toThrow(why);
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
      'SQS at sqs://queues.example:9324 refuses the credentials (The security token included in the request is invalid); correct them, or allow them sqs:* on the queues of this service',
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

  it('says that nobody is there', () => {
    expect(sent({ code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' })).toContain(
      'cannot be reached (connect ECONNREFUSED); is it running, and does the URL point to it?',
    );
  });

  it('says that somebody else is there', () => {
    expect(
      sent({ code: 'HPE_INVALID_CONSTANT', message: 'Parse Error: Expected HTTP/' }),
    ).toContain('does not answer like SQS (Parse Error: Expected HTTP/)');
  });

  it('leaves alone what says enough', () => {
    const failure = new TopologyMismatchError(own, 'the queue stock', 'does not exist');
    expect(startFailure(own, failure)).toBe(failure);
    expect(startFailure(own, new Error('x'))).toBeInstanceOf(AwsUnavailableError);
  });
});
