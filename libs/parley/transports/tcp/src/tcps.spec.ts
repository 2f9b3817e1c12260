import { callTlsSuite } from '@parley/conformance';
import { tcp } from './tcp';

// One deadline, and some to spare.
callTlsSuite({ technology: tcp, silenceMs: 10_000 });
