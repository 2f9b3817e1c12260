/** Errors of brokers that are still finding their controller, leaders or coordinators. */
const COMING_UP: readonly unknown[] = [
  'GROUP_LOAD_IN_PROGRESS',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR_FOR_GROUP',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'NOT_CONTROLLER',
  'BROKER_NOT_AVAILABLE',
];

/** True when Kafka was reached and is not ready yet: the same request will work soon. */
export function isComingUp(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { type } = error as { type?: unknown };
  return (
    COMING_UP.includes(type) ||
    error.name === 'KafkaJSGroupCoordinatorNotFound' ||
    isComingUp(error.cause)
  );
}
