import { broadcastSuite, commandSuite, eventSuite } from '@parley/testing/conformance';
import { postgresFixture } from './conformance.fixture';

for (const where of ['own database', 'another database'] as const) {
  const fixture = postgresFixture(where);
  commandSuite(fixture);
  broadcastSuite(fixture);
  eventSuite(fixture);
}
