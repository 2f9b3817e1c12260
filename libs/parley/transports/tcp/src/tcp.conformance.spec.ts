import { callFixture, callSuite } from '@parley/conformance';
import { tcp } from './tcp';

callSuite(callFixture(tcp, 3_000_000, 'Nest’s TCP transport cannot hold back one reply of many'));
