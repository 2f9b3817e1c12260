import {
  brokerFixture,
  broadcastSuite,
  brokerProcess,
  commandSuite,
  offersBroker,
} from '@parley/conformance';
import { join } from 'node:path';
import { processesOn } from '../../../conformance/src/ending/processes.fixture';
import { dropQueuesOf } from './leftovers.fixture';
import { rabbitmq } from './rabbitmq';

const url = process.env.RABBITMQ_URL ?? '';
const broker = brokerProcess('rabbitmq');
const services = new Set<string>();

const fixture = brokerFixture({
  technology: 'rabbitmq',
  features: {
    offers: {
      death: true,
      outbox: true,
      refuses: true,
      cuts: true,
      confirms: true,
      persistent: true,
      orphans: true,
      processes: true,
      forgets: true,
      broker: offersBroker(broker),
      limits: 'what is larger goes by claim check',
    },
    // A delay waits in a queue of its rung: up to twice as long, at least 2 s.
    lateness: 2_500,
  },
  admit: async (service) => void services.add(service),
  tearDown: async () => expect(await dropQueuesOf(url, services)).toEqual([]),
  technologies: [rabbitmq],
  url: () => url,
  port: 5672,
  urls: (at) => ({ commands: at, broadcasts: at }),
  broker,
  processes: processesOn([join(__dirname, 'rabbitmq'), 'rabbitmq'], () => ({
    commands: `${url}?heartbeat=5`,
  })),
});

if (url) {
  commandSuite(fixture);
  broadcastSuite(fixture);
} else it.skip('RabbitMQ: not run, for RABBITMQ_URL is not set', () => undefined);
