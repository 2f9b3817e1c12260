export { memory } from './memory';
export { MemoryClaims } from './memory-claims';
export { MemorySubjectKeys } from './memory-subject-keys';
export { MemoryBroker } from './memory-broker';
export { MemoryStore, MemoryTx, NestedTransaction } from './memory-store';
