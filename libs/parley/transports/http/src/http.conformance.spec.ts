import { callFixture, callSuite } from '@parley/conformance';
import { http } from './http';

callSuite(callFixture(http, 3_000_000));
