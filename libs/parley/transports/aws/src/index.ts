export { AwsAddress, type AwsService, HTTP } from './address';
export {
  AwsUnavailableError,
  isUnusable,
  openedWhenUp,
  reasonOf,
  startFailure,
  TopologyMismatchError,
} from './unavailable';
