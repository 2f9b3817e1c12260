import { callTlsSuite } from '@parley/conformance';
import { http } from './http';

callTlsSuite({ technology: http, silenceMs: 5_000 });
