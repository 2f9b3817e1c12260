import { callersSuite } from '@parley/conformance';
import { grpc } from './grpc';

callersSuite(grpc);
