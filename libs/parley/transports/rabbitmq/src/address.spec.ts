import {
  Address,
  notYet,
  RabbitUnavailableError,
  startFailure,
  TopologyMismatchError,
} from './address';

const address = new Address('amqps://me:s%40cret@rabbit.example/shop');

describe('the address of a RabbitMQ', () => {
  it('shows neither user nor password', () => {
    expect(String(address)).toBe('amqps://rabbit.example/shop');
  });

  it('may be an IPv6 address', () => {
    expect(String(new Address('amqp://me:x@[::1]:5673/shop'))).toBe('amqp://[::1]:5673/shop');
  });

  it.each(['amqp://', 'redis://host', 'host:5672'])('refuses %s', (url) => {
    expect(() => new Address(url)).toThrow('write amqp://');
  });

  it('refuses options it does not have', () => {
    expect(String(new Address('amqp://h?heartbeat=5'))).toBe('amqp://h');
    expect(() => new Address('amqp://h?prefetch=5')).toThrow(
      'no option "prefetch"; it has heartbeat',
    );
    expect(() => new Address('amqp://h?heartbeat=0')).toThrow(
      'heartbeat=0 of a RabbitMQ URL leaves a silent network unnoticed',
    );
    expect(() => new Address('amqp://h?heartbeat=soon')).toThrow(
      'the option heartbeat=soon of a RabbitMQ URL is a whole number',
    );
  });
});

describe('a failed start', () => {
  it('is told without the URL that Nest hands along', () => {
    const failure = startFailure(address, {
      err: new Error('connect ECONNREFUSED'),
      url: address.secret,
    });
    expect(failure).toBeInstanceOf(RabbitUnavailableError);
    expect(failure.message).toBe(
      'RabbitMQ at amqps://rabbit.example/shop cannot be reached (connect ECONNREFUSED); is it running, and does its URL point to it?',
    );
  });

  it('says that something else may be listening where it is hung up on', () => {
    const { message } = startFailure(
      address,
      new Error('Socket closed abruptly during opening handshake'),
    );
    expect(message).toMatch(
      /hangs up \(Socket closed abruptly.*\); is it RabbitMQ that listens there, and does it want TLS/,
    );
  });

  it.each<[string, number | undefined]>([
    [
      `Operation failed: QueueDeclare; 404 (NOT-FOUND) with message "NOT_FOUND - home node 'rabbit@b' of durable queue 'stock' in vhost '/' is down or inaccessible"`,
      404,
    ],
    ['Connection closed: 320 (CONNECTION-FORCED) with message "CONNECTION_FORCED - shutdown"', 320],
    [
      'Handshake terminated by server: 541 (INTERNAL-ERROR) with message "INTERNAL_ERROR"',
      undefined,
    ],
  ])('says that RabbitMQ is not ready yet: %s', (text, code) => {
    const failure = startFailure(address, Object.assign(new Error(text), { code }));
    expect(failure.message).toContain(`is there, but not ready yet (${text})`);
    expect(notYet(failure)).toBe(text);
  });

  it.each([
    `Operation failed: QueueDeclare; 404 (NOT-FOUND) with message "NOT_FOUND - no queue 'stock' in vhost '/'"`,
    'Handshake terminated by server: 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED"',
  ])('does not wait for what does not pass by itself: %s', (text) => {
    expect(notYet(new Error(text))).toBeUndefined();
  });

  it('waits for a virtual host that is not opened: missing and down look the same', () => {
    const text = 'Expected ConnectionOpenOk; got <ConnectionClose channel:0>';
    expect(notYet(new Error(text))).toBe(
      `its virtual host is missing, refused to this user, or down (${text})`,
    );
    expect(startFailure(address, new Error(text)).message).toBe(
      'RabbitMQ at amqps://rabbit.example/shop has no such virtual host, not for the user "me", or it is down; create it, correct its URL, or start it again (rabbitmqctl restart_vhost)',
    );
  });

  it('names the queue that has other settings', () => {
    const text = `Operation failed: QueueDeclare; 406 (PRECONDITION-FAILED) with message "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'stock' in vhost '/': received the value 'quorum' of type 'longstr' but current is none"`;
    const failure = startFailure(address, Object.assign(new Error(text), { code: 406 }));
    expect(failure).toBeInstanceOf(TopologyMismatchError);
    expect(failure.message).toContain(
      "holds stock with other settings (received the value 'quorum' of type 'longstr' but current is none)",
    );
  });
});
