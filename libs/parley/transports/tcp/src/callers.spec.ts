import { callersSuite } from '@parley/conformance';
import { tcp } from './tcp';

callersSuite(tcp);
