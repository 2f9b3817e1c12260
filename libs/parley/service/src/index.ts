export { callerLimits } from './caller-limits';
export { Database, DatabaseError } from './database';
export { checked, checkedHeader } from './checked';
export {
  describeEnvironment,
  type Environment,
  EnvironmentError,
  readEnvironment,
  serviceEnvironment,
} from './environment';
export { ListenError } from './http-server';
export { NotInstalledError } from './installed';
export { Lifecycle, type Phase } from './lifecycle';
export { UnexpectedRouteError } from './null-http-adapter';
export type { InspectionProvider } from '@parley/operations';
export { answerProblems, ProblemFilter, type ProblemOptions } from './http-problems';
export {
  type Asked,
  ClientGoneError,
  type FieldError,
  invalid,
  isSafe,
  problem,
  type Problem,
  ProblemError,
  problemOf,
} from './problem';
export {
  AccessTokens,
  type Admission,
  AuditTrail,
  bearerToken,
  InvalidTokenError,
  type Issuer,
  IssuerUnavailableError,
  OperationsAccess,
  type VerifiedToken,
} from '@parley/operations';
export { issuerUrl, keysUrl } from './issuer';
export { serve, type ServeOptions } from './serve';
export { traceOf, traceRequests } from './traced-requests';
export { Service } from './service';
export { ServiceModule, type ServiceOptions } from './service.module';
