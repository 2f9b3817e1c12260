export { memory } from './memory';
export { MemoryClaimStore } from './claim-store';
export { MemorySubjectKeys } from './subject-keys';
export { MemoryBroker } from './broker';
export { MemoryStore } from './store';
export { MemoryTx, NestedTransactionError } from './database';
