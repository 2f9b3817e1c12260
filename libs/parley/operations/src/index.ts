export {
  AccessTokens,
  bearerToken,
  InvalidTokenError,
  type Issuer,
  IssuerUnavailableError,
  type VerifiedToken,
} from './access-tokens';
export { type AuditedRequest, type AuditRecord, AuditTrail } from './audit-trail';
export type { InspectionProvider } from './inspection-provider';
export {
  type AccessOptions,
  type Admission,
  OperationsAccess,
  type Refusal,
} from './operations-access';
export { type Facts, OperationsApi, type OperationsApiOptions } from './operations-api';
export {
  failed,
  fromMessage,
  type OperationsAnswer,
  type OperationsRequest,
} from './operations-request';
export type { Operator, OperatorRole } from './operators';
export {
  OperationsModule,
  OperationsModuleError,
  type OperationsModuleOptions,
} from './operations.module';
export { areaOf, readPath } from './request-path';
export { repeatedHeader } from './single-headers';
