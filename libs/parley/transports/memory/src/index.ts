export { MemoryStore, MemoryTx, NestedTransaction } from './memory-store';
