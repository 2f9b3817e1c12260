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

/** Kafka's answer when it was reached and is not ready: the same request will work soon. */
export function notYet(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { type } = error as { type?: unknown };
  if (COMING_UP.includes(type)) return `${String(type)}: ${error.message}`;
  if (error.name === 'KafkaJSGroupCoordinatorNotFound') return error.message;
  return notYet(error.cause);
}

export const isComingUp = (error: unknown): boolean => notYet(error) !== undefined;
