import { callTlsSuite } from '@parley/conformance';
import { http } from './http';

callTlsSuite({ technology: http, lostBySilence: 0 });
