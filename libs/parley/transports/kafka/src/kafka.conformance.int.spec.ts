import {
  brokerFixture,
  broadcastSuite,
  brokerProcess,
  commandSuite,
  eventSuite,
  offersBroker,
} from '@parley/conformance';
import { join } from 'node:path';
import { processesOn } from '../../../conformance/src/ending/processes.fixture';
import { kafka } from './kafka';
import { dropTopicsOf } from './leftovers.fixture';

const url = process.env.KAFKA_URL ?? '';
const broker = brokerProcess('kafka');
const services = new Set<string>();

const fixture = brokerFixture({
  technology: 'kafka',
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
      limits: 'what is larger than max.message.bytes goes by claim check',
    },
    largest: 1_000_000,
  },
  admit: async (service) => void services.add(service),
  technologies: [kafka],
  url: () => url,
  port: 9092,
  urls: (at) => {
    const own = `${at}?forwarded=true`;
    return { commands: own, broadcasts: own, events: own };
  },
  broker,
  processes: processesOn([join(__dirname, 'kafka'), 'kafka'], () => {
    const own = `${url}?session=6s`;
    return { commands: own, events: own };
  }),
  tearDown: () => dropTopicsOf(url, services),
});

if (url) {
  commandSuite(fixture);
  broadcastSuite(fixture);
  eventSuite(fixture);
} else it.skip('Kafka: not run, for KAFKA_URL is not set', () => undefined);
