export { Given } from './given';
export { type Definition, Saga, saga, SagaError, type SagaOptions, type StepInfo, type TimeoutInfo } from './saga';
export { broadcast, end, execute, next, type Outgoing, publish, send, stay, type Step } from './step';
