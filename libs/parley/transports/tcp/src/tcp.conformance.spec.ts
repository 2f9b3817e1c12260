import { callFixture, callSuite } from '@parley/conformance';
import { tcp } from './tcp';

callSuite(callFixture(tcp, 3_000_000));
