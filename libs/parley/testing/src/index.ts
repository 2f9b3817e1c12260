export { type Circumstances, Crash, HandlerTrial, type Said } from './handler-trial';
export { storeSpec, type StoreOnTrial } from './store-spec';
export { TrialSchema } from './trial-schema';
