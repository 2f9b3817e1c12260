export { memory } from './memory';
export { MemoryBroker } from './memory-broker';
export { MemoryStore, MemoryTx, NestedTransaction } from './memory-store';
