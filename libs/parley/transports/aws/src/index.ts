export { AwsAddress, type AwsService, HTTP } from './address';
export {
  AwsUnavailable,
  isUnusable,
  reasonOf,
  startFailure,
  TopologyMismatchError,
} from './unavailable';
