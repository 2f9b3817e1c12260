export { interopSuite, type ForeignUse } from './interop-suite';
export { type GrpcClient, grpcurl, pythonClient } from './grpc-clients';
