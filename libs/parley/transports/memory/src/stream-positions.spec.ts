import { systemClock } from '@parley/messaging/transport';
import { positionsSpec } from '@parley/conformance';
import { MemoryPositions } from './stream-positions';

const positions = new MemoryPositions(systemClock);
positionsSpec('positions in memory', 'insights', async () => positions);
