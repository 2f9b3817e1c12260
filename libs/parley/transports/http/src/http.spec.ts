import { callWireSuite } from '@parley/conformance';
import { http } from './http';

callWireSuite({ technology: http, silenceMs: 5_000 });
