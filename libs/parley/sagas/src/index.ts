export { Given } from './given';
export { MemorySagaStore, type UndoableTx } from './memory-saga-store';
export { PostgresSagaStore } from './postgres-saga-store';
export { Saga, saga, SagaError, type SagaOptions } from './saga';
export type { StepAhead } from './ahead';
export type { CancelInfo, Definition, StepInfo, TimeoutInfo } from './definition';
export { sagaMigrations } from './saga-migrations';
export { SAGA_STORE, SagaModule } from './saga.module';
export {
  type RepairAnswer,
  SagaOperations,
  type SagaQuery,
  type SagaReport,
  type SagaSummary,
} from './saga-operations';
export { type Repair, RepairRefusedError, SagaRepairs } from './saga-repairs';
export {
  type HistoryEntry,
  SagaConflictError,
  type SagaDetails,
  type SagaFilter,
  type SagaRepair,
  type SagaStore,
  type StateChange,
  type StoredSaga,
  type WaitingTimeout,
} from './saga-store';
export {
  broadcast,
  end,
  execute,
  next,
  type Outgoing,
  publish,
  send,
  stay,
  type Step,
} from './step';
export { Timeouts } from './timeouts';
