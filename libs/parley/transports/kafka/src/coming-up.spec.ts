import { Address, KafkaUnavailableError, startFailure } from './address';
import type { KafkaClient } from './client';
import { isComingUp } from './coming-up';
import { KafkaPublisher } from './publisher';
import type { Topics } from './topology';

const protocolError = (type: string) =>
  Object.assign(new Error(`the broker says ${type}`), { name: 'KafkaJSProtocolError', type });
const wrapped = (cause: Error) => new Error('Number of retries exceeded', { cause });

describe('a Kafka that is coming up', () => {
  it.each([
    protocolError('GROUP_COORDINATOR_NOT_AVAILABLE'),
    protocolError('NOT_COORDINATOR_FOR_GROUP'),
    protocolError('LEADER_NOT_AVAILABLE'),
    protocolError('BROKER_NOT_AVAILABLE'),
    wrapped(wrapped(protocolError('NOT_CONTROLLER'))),
    Object.assign(new Error('Failed to find group coordinator'), {
      name: 'KafkaJSGroupCoordinatorNotFound',
    }),
  ])('is waited for: %s', (error) => {
    expect(isComingUp(error)).toBe(true);
  });

  it.each([
    protocolError('SASL_AUTHENTICATION_FAILED'),
    wrapped(protocolError('UNSUPPORTED_SASL_MECHANISM')),
    protocolError('ILLEGAL_SASL_STATE'),
    protocolError('CLUSTER_AUTHORIZATION_FAILED'),
    wrapped(new Error('connect ECONNREFUSED')),
    new TypeError('x is not a function'),
    'no',
    undefined,
  ])('is not: %s', (error) => {
    expect(isComingUp(error)).toBe(false);
  });

  const logged: string[] = [];
  /** A publisher that fails to open as given, and then succeeds. */
  function publisherOf(...ends: Error[]) {
    const client: Pick<KafkaClient, 'producer'> = {
      producer: async () => {
        const end = ends.shift();
        if (end) throw end;
        return { produce: async () => undefined, close: async () => undefined } as never;
      },
    };
    const topics: Pick<Topics, 'connect'> = { connect: async () => undefined };
    return new KafkaPublisher(
      client as KafkaClient,
      topics as Topics,
      new Address('kafka://127.0.0.1:9092'),
      { log: (_level, message) => void logged.push(message) },
    );
  }

  it('is waited for at the start, which succeeds then', async () => {
    const publisher = publisherOf(
      wrapped(protocolError('GROUP_COORDINATOR_NOT_AVAILABLE')),
      protocolError('NOT_CONTROLLER'),
    );
    await publisher.connect();
    expect(logged).toEqual([
      expect.stringMatching(
        /^waiting for Kafka at kafka:\/\/127.0.0.1:9092, which .*: GROUP_COORDINATOR_NOT_AVAILABLE/,
      ),
    ]);
    await publisher.close();
  });

  it('is named with its last answer where it does not come up', () => {
    const { message } = startFailure(
      new Address('kafka://127.0.0.1:9092'),
      wrapped(protocolError('LEADER_NOT_AVAILABLE')),
    );
    expect(message).toContain('is there, but not ready yet (LEADER_NOT_AVAILABLE');
  });

  it('is not blamed for a mistake in code', async () => {
    const bug = new TypeError("Cannot read properties of undefined (reading 'brokers')");
    await expect(publisherOf(bug).connect()).rejects.toBe(bug);
  });

  it('is not waited for when it is not that', async () => {
    await expect(
      publisherOf(protocolError('SASL_AUTHENTICATION_FAILED')).connect(),
    ).rejects.toBeInstanceOf(KafkaUnavailableError);
  });
});
