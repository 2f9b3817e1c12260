import { callTlsSuite } from '@parley/conformance';
import { tcp } from './tcp';

callTlsSuite({ technology: tcp, lostBySilence: 0 });
