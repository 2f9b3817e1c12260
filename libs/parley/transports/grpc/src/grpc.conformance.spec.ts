import { callFixture, callSuite } from '@parley/conformance';
import { grpc } from './grpc';

callSuite(callFixture(grpc, 3_000_000));
