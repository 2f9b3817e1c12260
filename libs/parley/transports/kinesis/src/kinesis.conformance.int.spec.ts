import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { brokerFixture, commandSuite, eventSuite } from '@parley/conformance';
import { processesOn } from '../../../conformance/src/ending/processes.fixture';
import { kinesis } from './kinesis';
import { TrialStreams } from './topology.fixture';

const given = process.env.KINESIS_URL ?? '';
const prefix = `conformance-${randomBytes(4).toString('hex')}-`;
const streams = given ? TrialStreams.at(given) : undefined;
let world = '';

/** Kinesalite has few shards to give: each test's streams go when the next one begins. */
async function enter(service: string): Promise<void> {
  const base = service.split('-', 1)[0]!;
  if (base === world) return;
  world = base;
  await streams!.drop((name) => name.startsWith(prefix) && !name.startsWith(`${prefix}${base}`));
}

const urlsAt = (at: string) => {
  const url = new URL(at);
  for (const [name, value] of Object.entries({ prefix, shards: '2', lease: '3s', poll: '50ms' }))
    url.searchParams.set(name, value);
  return { commands: url.href, events: url.href };
};

const fixture = brokerFixture({
  technology: 'kinesis',
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
      broker: 'Kinesalite stands for Kinesis: its disk would prove nothing of Amazon’s',
      limits: 'what is larger goes by claim check',
    },
    largest: 900_000,
    lateness: 2_000,
  },
  tearDown: () => streams!.drop((name) => name.startsWith(prefix)),
  admit: enter,
  technologies: [kinesis],
  url: () => given,
  port: 4567,
  urls: urlsAt,
  processes: processesOn([join(__dirname, 'kinesis'), 'kinesis'], () => urlsAt(given)),
});

if (given) {
  commandSuite(fixture);
  eventSuite(fixture);
} else it.skip('Kinesis: not run, for KINESIS_URL is not set', () => undefined);
