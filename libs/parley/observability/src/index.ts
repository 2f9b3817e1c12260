export { Conversations, observers, type Turn } from './conversations';
export {
  databaseIndicator,
  type Indicator,
  intakeIndicator,
  MAX_OUTBOX_AGE_MS,
  outboxIndicator,
  reasonIndicator,
  withDegraded,
} from './health';
export { LOG_LEVELS, Logger, type LoggerOptions, type LogLevel } from './logger';
export { MessageRecords, type MessageRecordsOptions } from './message-records';
export { type MeasuredMessaging, Metrics } from './metrics';
export { isSecretName, withoutSecrets, withoutSecretsInText } from './redaction';
export { SERIES, type SeriesInfo } from './series-table';
export { OpenTelemetryTracing, type RequestSpan } from './tracing';
