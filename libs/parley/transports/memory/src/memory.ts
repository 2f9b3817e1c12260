import type { Technology } from '@parley/messaging';
import { MemoryBroker } from './broker';
import { MemoryCallTransport } from './calls';
import { MemoryTransport } from './transport';

/**
 * All four kinds inside one process, for tests and simulation: `memory://shop`. Nothing survives
 * the process.
 */
export const memory: Technology = {
  name: 'memory',
  schemes: ['memory'],
  kinds: ['call', 'command', 'broadcast', 'event'],
  open: (url, context) =>
    new MemoryTransport(url, MemoryBroker.at(url, context.clock), context.log),
  openKeys: (url, context) => MemoryBroker.at(url, context.clock).subjectKeys,
  openClaims: (url, context) => MemoryBroker.at(url, context.clock).claims,
  openCalls: (options, context) => new MemoryCallTransport(options, context),
};
