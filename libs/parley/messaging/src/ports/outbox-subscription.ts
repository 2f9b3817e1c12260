/** The subscription under which a service keeps dead letters of what it says. */
export const OUTBOX = 'outbox';

/** No event subscription may have the name. */
export const outboxSubscription = (service: string): string => `${service}.${OUTBOX}`;
