export { freePort } from './free-port';
export { type Circumstances, Crash, HandlerTrial, type Said } from './handler-trial';
export { Harness, type HarnessOptions, type ServiceOnTrial, Unsettled } from './harness';
export { positionsSpec } from './positions-spec';
export { storeSpec, type StoreOnTrial } from './store-spec';
export { TrialSchema } from './trial-schema';
export { VirtualClock } from './virtual-clock';
