export type { InspectionProvider } from './inspection-provider';
export { type AccessOptions, OperationsAccess, type Refusal } from './operations-access';
export { type Facts, OperationsApi, type OperationsApiOptions } from './operations-api';
export {
  failed,
  fromMessage,
  type OperationsAnswer,
  type OperationsRequest,
} from './operations-request';
export {
  OperationsModule,
  OperationsModuleError,
  type OperationsModuleOptions,
} from './operations.module';
export { areaOf, readPath } from './request-path';
export { repeatedHeader } from './single-headers';
