import { systemClock } from '@parley/messaging/transport';
import { streamPositionsSuite } from '@parley/conformance';
import { MemoryStreamPositions } from './stream-positions';

const positions = new MemoryStreamPositions(systemClock);
streamPositionsSuite('positions in memory', 'insights', async () => positions);
