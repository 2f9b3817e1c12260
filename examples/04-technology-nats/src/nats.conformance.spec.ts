import { randomBytes } from 'node:crypto';
import { brokerFixture, commandSuite, eventSuite } from '@parley/conformance';
import { NatsServer } from '../test/nats-server';
import { nats } from './nats';

const given = process.env.NATS_URL;
const server = new NatsServer();
const prefix = `t${randomBytes(4).toString('hex')}-`;

const fixture = brokerFixture({
  technology: 'nats',
  features: {
    offers: {
      death: true,
      outbox: true,
      refuses: true,
      cuts: true,
      confirms: true,
      persistent: true,
      orphans: true,
      forgets: true,
      broker: given ? 'a server that others started is not killed' : true,
      limits: 'larger bodies go by claim check',
    },
    largest: 900_000,
  },
  setUp: async () => {
    if (!given) await server.start();
  },
  tearDown: () => server.kill(),
  technologies: [nats],
  url: () => given ?? server.url,
  port: 4222,
  urls: (at) => {
    const url = new URL(at);
    url.searchParams.set('prefix', prefix);
    url.searchParams.set('lease', '3s');
    return { commands: url.href, events: url.href };
  },
  broker: given ? undefined : { kill: () => server.kill(), start: () => server.start() },
});

commandSuite(fixture);
eventSuite(fixture);
afterAll(() => server.remove());
