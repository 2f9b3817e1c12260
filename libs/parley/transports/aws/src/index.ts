export { AwsAddress, type AwsService, HTTP } from './address';
export {
  AwsUnavailableError,
  isUnusable,
  reasonOf,
  startFailure,
  TopologyMismatchError,
} from './unavailable';
