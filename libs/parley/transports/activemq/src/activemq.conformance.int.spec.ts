import {
  brokerFixture,
  broadcastSuite,
  brokerProcess,
  commandSuite,
  type Features,
  offersBroker,
} from '@parley/conformance';
import { join } from 'node:path';
import { processesOn } from '../../../conformance/src/ending/processes.fixture';
import { activemq } from './activemq';
import { removeTraces } from './traces.fixture';

const url = process.env.ACTIVEMQ_URL ?? '';
const broker = brokerProcess('activemq');
const services = new Set<string>();

const fixture = brokerFixture({
  technology: 'activemq',
  features: {
    offers: {
      ...{
        death: true,
        outbox: true,
        cuts: true,
        confirms: true,
        persistent: true,
        orphans: true,
        processes: true,
        forgets: true,
      },
      refuses: true,
      broker: offersBroker(broker),
      limits: 'the kit sets none, ActiveMQ keeps large bodies on its disk',
    },
    // Bodies of any size go into files of their own; all else of a message into one record of the journal.
    refusedAttribute: 600_000,
  },
  admit: async (service) => void services.add(service),
  technologies: [activemq],
  url: () => url,
  port: 61_616,
  urls: (at) => ({ commands: at, broadcasts: at }),
  broker,
  processes: processesOn([join(__dirname, 'activemq'), 'activemq'], () => ({ commands: url })),
  tearDown: () => removeTraces(url, [...services]),
});

const withoutRefusals = ({ offers, ...features }: Features): Features => ({
  ...features,
  offers: { ...offers, refuses: 'a broadcast is in no journal: ActiveMQ takes it in any size' },
});

if (url) {
  commandSuite(fixture);
  broadcastSuite({ ...fixture, features: withoutRefusals(fixture.features) });
} else it.skip('ActiveMQ: not run, for ACTIVEMQ_URL is not set', () => undefined);
