export { Conversations, observers, type Turn } from './conversations';
export {
  databaseIndicator,
  type Indicator,
  intakeIndicator,
  OUTBOX_AGE_LIMIT,
  outboxIndicator,
  reasonIndicator,
  withDegraded,
} from './health';
export { LOG_LEVELS, Logger, type LoggerOptions, type LogLevel } from './logger';
export { type MeasuredMessaging, Metrics } from './metrics';
export { HIDDEN, isSecretName, withoutSecrets, withoutSecretsInText } from './redaction';
