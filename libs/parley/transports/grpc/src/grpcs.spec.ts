import { callTlsSuite } from '@parley/conformance';
import { grpc } from './grpc';

// Keepalive 10 s, answer 10 s, and some to spare.
callTlsSuite({ technology: grpc, silenceMs: 28_000 });
