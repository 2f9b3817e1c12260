import { callWireSuite } from '@parley/conformance';
import { http } from './http';

callWireSuite({ technology: http, lostBySilence: 0 });
