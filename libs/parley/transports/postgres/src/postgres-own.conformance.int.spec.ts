import { broadcastSuite, commandSuite, eventSuite } from '@parley/conformance';
import { postgresFixture } from './conformance.fixture';

const fixture = postgresFixture('own database');

commandSuite(fixture);
broadcastSuite(fixture);
eventSuite(fixture);
