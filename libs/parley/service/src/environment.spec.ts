import os from 'node:os';
import { listeningHost } from '@parley/messaging/transport';
import { z } from 'zod';
import { describeEnvironment, EnvironmentError, readEnvironment } from './environment';

const DATABASE_URL = 'postgres://orders:hunter2@127.0.0.1:25432/parley';

function problemsOf(variables: Record<string, string>, own?: z.ZodRawShape): string[] {
  try {
    readEnvironment(variables, own);
  } catch (error) {
    if (error instanceof EnvironmentError) return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('environment', () => {
  it('starts from safe defaults', () => {
    expect(readEnvironment({})).toMatchObject({
      PORT: 3000,
      HOST: '127.0.0.1',
      LOG_LEVEL: 'info',
      CONCURRENCY: 10,
      PAUSE_AT: 50,
      DRAIN_TIMEOUT: 10_000,
    });
  });

  it.each(['0.0.0.0', '::', '10.0.0.7', 'shop.example'])(
    'wants a token for operations when it listens on %s',
    (HOST) => {
      expect(problemsOf({ HOST })).toEqual([
        expect.stringContaining(`OPERATIONS_TOKEN is not set, but HOST is ${HOST}`),
      ]);
      expect(problemsOf({ HOST, OPERATIONS_TOKEN: 'a-token-of-operators' })).toEqual([]);
      expect(problemsOf({ HOST, OPERATIONS_TOKEN: 'short' })).toEqual([
        expect.stringMatching(/OPERATIONS_TOKEN is "\[hidden\]", but must have 16 characters/),
      ]);
    },
  );

  it('listens on every address of IPv6 and of IPv4 by ::, whatever the machine has', () => {
    const variables = {
      HOST: '::',
      OPERATIONS_HOST: '::',
      OPERATIONS_TOKEN: 'a-token-of-operators',
    };
    const { HOST, OPERATIONS_HOST } = readEnvironment(variables);
    expect([HOST, OPERATIONS_HOST]).toEqual([listeningHost('::'), listeningHost('::')]);
    const interfaces = jest.spyOn(os, 'networkInterfaces').mockReturnValue({});
    expect(readEnvironment(variables)).toMatchObject({
      HOST: '0.0.0.0',
      OPERATIONS_HOST: '0.0.0.0',
    });
    interfaces.mockRestore();
  });

  it('wants a token for operations when only they are reached from elsewhere', () => {
    expect(problemsOf({ OPERATIONS_HOST: '0.0.0.0' })).toEqual([
      expect.stringContaining('OPERATIONS_TOKEN is not set, but OPERATIONS_HOST is 0.0.0.0'),
    ]);
  });

  it('knows operators by issuer, audience and keys together', () => {
    const issuer = {
      OPERATORS_ISSUER: 'https://login.example',
      OPERATORS_AUDIENCE: 'operations',
      OPERATORS_JWKS_URL: 'https://login.example/keys',
    };
    expect(readEnvironment(issuer)).toMatchObject({
      ...issuer,
      OPERATORS_ROLES_CLAIM: 'roles',
      OPERATORS_NAME_CLAIM: 'sub',
    });
    for (const name of Object.keys(issuer))
      expect(problemsOf({ ...issuer, [name]: '' })).toEqual([
        expect.stringContaining(`${name} must be set, too`),
      ]);
    expect(problemsOf({ ...issuer, OPERATORS_JWKS_URL: 'http://login.example/keys' })).toEqual([
      expect.stringContaining('http only on this machine'),
    ]);
  });

  it('needs no token for operations on loopback, and never logs one', () => {
    for (const HOST of ['localhost', '127.0.0.1', '127.1.2.3', '::1'])
      expect(problemsOf({ HOST })).toEqual([]);
    expect(
      JSON.stringify(
        describeEnvironment(readEnvironment({ OPERATIONS_TOKEN: 'a-token-of-operators' })),
      ),
    ).not.toContain('a-token');
  });

  it('reads the names of operations, with commas and blanks in between', () => {
    expect(readEnvironment({ ALLOWED_HOSTS: 'orders, Orders.shop.svc,[fd00::7],' })).toMatchObject({
      ALLOWED_HOSTS: ['orders', 'Orders.shop.svc', '[fd00::7]'],
    });
  });

  it('carries every kind by the database unless told otherwise', () => {
    const environment = readEnvironment({ DATABASE_URL, COMMANDS_URL: 'amqp://mq' });
    expect(environment).toMatchObject({
      COMMANDS_URL: 'amqp://mq',
      BROADCASTS_URL: DATABASE_URL,
      EVENTS_URL: DATABASE_URL,
    });
  });

  it('finds an owner by the template, or by its own variable', () => {
    const { callsOf } = readEnvironment({
      CALLS_URL: 'grpc://{owner}.shop:5000',
      CALLS_URL_PAYMENT_DESK: 'grpc://127.0.0.1:5040,127.0.0.1:5041',
    });
    expect(callsOf('orders')).toBe('grpc://orders.shop:5000');
    expect(callsOf('payment-desk')).toBe('grpc://127.0.0.1:5040,127.0.0.1:5041');
  });

  it('knows the contracts that have a URL of their own', () => {
    const variables = {
      BROADCASTS_URL_SHIPPING_PARCEL_MOVED: 'mqtt://devices',
      CALLS_URL_ORDERS: 'grpc://orders:1',
    };
    expect(readEnvironment(variables).contractUrls).toEqual({
      BROADCASTS_URL_SHIPPING_PARCEL_MOVED: 'mqtt://devices',
    });
    expect(problemsOf({ EVENTS_URL_ORDERS_ORDER_PLACED: 'kafka' })).toEqual([
      'EVENTS_URL_ORDERS_ORDER_PLACED is "kafka", but must be a URL such as kafka://host:9092',
    ]);
    expect(
      describeEnvironment(
        readEnvironment({ EVENTS_URL_ORDERS_ORDER_PLACED: 'kafka://me:hunter2@host:9092' }),
      ),
    ).not.toEqual(
      expect.objectContaining({
        EVENTS_URL_ORDERS_ORDER_PLACED: expect.stringContaining('hunter2'),
      }),
    );
  });

  it('tells everything that is wrong at once, a sentence each', () => {
    const problems = problemsOf(
      { PORT: 'abc', LOG_LEVEL: 'loud', DRAIN_TIMEOUT: '10 s', CALLS_URL_ORDERS: 'orders:5000' },
      { MAIL_URL: z.string().describe('where mail goes') },
    );
    expect(problems).toEqual([
      'PORT is "abc", but must be a port, a whole number from 0 to 65535 (where health, metrics and operations (and the edge) are served)',
      'LOG_LEVEL is "loud", but must be one of fatal, error, warn, info, debug, trace',
      'DRAIN_TIMEOUT is "10 s", but must be a duration such as 800ms, 10s or 2m (how long work under way may take when the service is told to stop)',
      'MAIL_URL is not set (where mail goes); set it in the environment',
      'CALLS_URL_ORDERS is "orders:5000", but must be a URL such as grpc://host:5000',
    ]);
  });

  it('refuses a step that no message takes', () => {
    expect(problemsOf({ PARLEY_FAILPOINT: 'relay.published:17, queue.claimed' })).toEqual([]);
    expect(problemsOf({ PARLEY_FAILPOINT: 'relay.publish:17' })[0]).toContain(
      `"relay.publish:17" names no step of a message's way; write relay.published:17`,
    );
  });

  it('never shows a secret, neither in an error nor when it is printed', () => {
    const problems = problemsOf(
      { API_TOKEN: 'hunter2', CALLS_URL_A: 'x://a:hunter2@b c', PORT: 'p://a:hunter2@b' },
      { API_TOKEN: z.string().min(20) },
    );
    expect(problems.join()).toContain('API_TOKEN is "[hidden]"');
    const environment = readEnvironment(
      { DATABASE_URL, API_TOKEN: 'hunter2' },
      { API_TOKEN: z.string() },
    );
    const printed = JSON.stringify([problems, describeEnvironment(environment)]);
    expect(printed).not.toContain('hunter2');
    expect(printed).toContain('postgres://orders:[hidden]@127.0.0.1:25432/parley');
  });

  it("adds a service's own variables, typed", () => {
    const { RETRIES } = readEnvironment({ RETRIES: '3' }, { RETRIES: z.coerce.number() });
    expect(RETRIES satisfies number).toBe(3);
  });

  it('takes an empty variable for one that is not set', () => {
    const { PORT, DATABASE_URL: database } = readEnvironment({ PORT: '', DATABASE_URL: '' });
    expect([PORT, database]).toEqual([3000, undefined]);
  });
});
