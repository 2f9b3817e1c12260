export {
  type AttemptOptions,
  CrashError,
  HandlerTestKit,
  type SentMessage,
} from './handler-test-kit';
export { Harness, type HarnessOptions, type TestService, UnsettledError } from './harness';
export { TemporarySchema } from './temporary-schema';
export { VirtualClock } from './virtual-clock';
