import { Address, MqttUnavailableError } from './address';

describe('the address of an MQTT broker', () => {
  it('shows neither user nor password', () => {
    const address = new Address('mqtts://me:s%40cret@broker.example');
    expect(String(address)).toBe('mqtts://broker.example');
    expect(address.connection).toEqual({
      protocol: 'mqtts',
      host: 'broker.example',
      port: 8_883,
      username: 'me',
      password: 's@cret',
    });
    expect(
      new MqttUnavailableError(address, new Error('connect ECONNREFUSED')).message,
    ).not.toContain('cret');
  });

  it('may be an IPv6 address', () => {
    expect(new Address('mqtt://[::1]:1884').connection).toEqual({
      protocol: 'mqtt',
      host: '::1',
      port: 1_884,
    });
    expect(String(new Address('mqtt://[::1]:1884'))).toBe('mqtt://[::1]:1884');
  });

  it('says by which field topics are made, whether last values are kept, and in which mode', () => {
    expect(new Address('mqtt://h')).toMatchObject({ by: undefined, retain: false, mode: 'binary' });
    expect(new Address('mqtt://h?by=orderId&retain=true&mode=structured')).toMatchObject({
      by: 'orderId',
      retain: true,
      mode: 'structured',
    });
  });

  it.each(['mqtt://', 'amqp://host', 'host:1883', 'mqtt://host/topic'])('refuses %s', (url) => {
    expect(() => new Address(url)).toThrow('write mqtt://');
  });

  it('refuses options it does not have', () => {
    expect(() => new Address('mqtt://h?qos=2')).toThrow('no option "qos"; it has by, retain, mode');
    expect(() => new Address('mqtt://h?retain=yes')).toThrow(
      'retain of an MQTT URL is true or false, not "yes"',
    );
  });
});

describe('a failed start', () => {
  const reported = (cause: object) =>
    new MqttUnavailableError(new Address('mqtt://me:x@h'), cause).message;

  it.each([3, 136, 137])('says that the broker is not ready yet: code %i', (code) => {
    const busy = Object.assign(new Error('Connection refused: Server busy'), { code });
    expect(reported(busy)).toContain(
      `is there, but not ready yet (Connection refused: Server busy (code ${code}))`,
    );
  });

  it('says in one sentence what to do', () => {
    expect(
      reported(Object.assign(new Error('Connection refused: Not authorized'), { code: 135 })),
    ).toContain('refuses the user "me"');
    expect(reported(Object.assign(new Error('Connection refused'), { code: 132 }))).toContain(
      'does not speak MQTT 5',
    );
    expect(
      reported(new Error('Invalid header flag bits, must be 0x0 for puback packet')),
    ).toContain('does not speak MQTT; correct the URL');
    expect(reported(new Error('the connection was closed at once'))).toContain(
      'hangs up (the connection was closed at once); is it an MQTT broker',
    );
    expect(reported(new Error('connect ECONNREFUSED'))).toContain(
      'cannot be reached (connect ECONNREFUSED)',
    );
  });
});
