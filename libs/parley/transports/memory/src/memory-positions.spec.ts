import { systemClock } from '@parley/messaging/transport';
import { positionsSpec } from '@parley/testing';
import { MemoryPositions } from './memory-positions';

const positions = new MemoryPositions(systemClock);
positionsSpec('positions in memory', 'insights', async () => positions);
