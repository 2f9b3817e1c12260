import { callTlsSuite } from '@parley/conformance';
import { grpc } from './grpc';

// The one that waits while the keepalive finds out.
callTlsSuite({ technology: grpc, lostBySilence: 1 });
