export { type Circumstances, Crash, HandlerTrial, type Said } from './handler-test-kit';
export { Harness, type HarnessOptions, type ServiceOnTrial, Unsettled } from './harness';
export { TrialSchema } from './temporary-schema';
export { VirtualClock } from './virtual-clock';
