import { callersSuite } from '@parley/conformance';
import { http } from './http';

callersSuite(http);
