export {
  type AttemptOptions,
  CrashError,
  HandlerTestKit,
  type SentMessage,
} from './handler-test-kit';
export { Harness, type HarnessOptions, type TestService, UnsettledError } from './harness';
export { TemporaryDatabase } from './temporary-database';
export { TemporarySchema } from './temporary-schema';
export {
  ServiceUnderTest,
  testService,
  TestServiceError,
  type TestServiceOptions,
} from './test-service';
export { VirtualClock } from './virtual-clock';
