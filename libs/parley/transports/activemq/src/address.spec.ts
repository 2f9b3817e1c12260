import { ActiveMqUnavailableError, Address, startFailure, TopologyMismatchError } from './address';

const address = new Address('activemqs://me:s%40cret@broker.example');

describe('the address of an ActiveMQ', () => {
  it('shows neither user nor password', () => {
    expect(String(address)).toBe('activemqs://broker.example');
    expect(address.options).toEqual({
      host: 'broker.example',
      port: 61_617,
      username: 'me',
      password: 's@cret',
      transport: 'tls',
    });
  });

  it('needs no user', () => {
    expect(new Address('activemq://[::1]:61616').options).toEqual({
      host: '::1',
      port: 61_616,
      username: 'anonymous',
      transport: 'tcp',
    });
  });

  it('has no part in a mistake in code, which is told as what it is', () => {
    const bug = new TypeError("Cannot read properties of undefined (reading 'remote')");
    expect(startFailure(address, bug)).toBe(bug);
    expect(startFailure(address, new Error('failed', { cause: bug }))).toBe(bug);
  });

  it.each(['activemq://', 'amqp://host', 'host:61616', 'activemq://host/queue'])(
    'refuses %s',
    (url) => {
      expect(() => new Address(url)).toThrow('write activemq://');
    },
  );

  it('refuses options, which it does not have', () => {
    expect(() => new Address('activemq://host?prefetch=5')).toThrow(
      'has no options, but this one has "?prefetch=5"',
    );
  });
});

describe('a failed start', () => {
  const reported = (cause: unknown) => startFailure(address, cause).message;

  it('says in one sentence what to do', () => {
    expect(reported(new Error('connect ECONNREFUSED'))).toBe(
      'ActiveMQ at activemqs://broker.example cannot be reached (connect ECONNREFUSED); is it running, and does the URL point to it?',
    );
    expect(
      reported(
        Object.assign(new Error('Failed to authenticate: 1'), {
          condition: 'amqp:unauthorized-access',
        }),
      ),
    ).toContain('refuses the user "me"');
    expect(reported(new Error('it was closed at once'))).toContain(
      'hangs up (it was closed at once); is it ActiveMQ that listens there',
    );
    expect(reported(new Error('Invalid AMQP version (or protocol header)'))).toContain(
      'not ActiveMQ Artemis',
    );
    expect(
      reported(
        new Error(
          "AMQ229032: User: me does not have permission='MANAGE' on address activemq.management",
        ),
      ),
    ).toContain('not MANAGE activemq.management; grant it');
  });

  it('says that the broker is not ready yet', () => {
    const forced = { condition: 'amqp:connection:forced', description: 'the broker stops' };
    expect(reported(Object.assign(new Error(), forced))).toContain(
      'is there, but not ready yet (amqp:connection:forced: the broker stops)',
    );
  });

  it('is not told twice', () => {
    const mismatch = new TopologyMismatchError(address, 'has no queue');
    expect(startFailure(address, mismatch)).toBe(mismatch);
    expect(startFailure(address, new ActiveMqUnavailableError(address, 'x')).message).not.toContain(
      'cret',
    );
  });
});
