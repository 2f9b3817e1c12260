import { broadcastSuite, commandSuite, eventSuite } from '@parley/conformance';
import { postgresFixture } from './conformance.fixture';

// Two databases make every promise take its time: tried whole by `npm run conformance`, which names
// a folder for the results.
if (process.env.CONFORMANCE_REPORT) {
  const fixture = postgresFixture('another database');
  commandSuite(fixture);
  broadcastSuite(fixture);
  eventSuite(fixture);
} else {
  describe('messages in another database than the service’s (by npm run conformance)', () =>
    it.skip('keep what PostgreSQL promises', () => undefined));
}
