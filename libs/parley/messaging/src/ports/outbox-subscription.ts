/** The subscription under which a service keeps dead letters of messages that it sends. */
export const OUTBOX = 'outbox';

/** No event subscription may have this name. */
export const outboxSubscription = (service: string): string => `${service}.${OUTBOX}`;
