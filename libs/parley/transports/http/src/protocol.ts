/** Bytes of the largest request or reply that either side sends or accepts. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/** The type of every request and reply. */
export const JSON_TYPE = 'application/json';

/** Milliseconds that the caller waits, by Connect's protocol. */
export const TIMEOUT_HEADER = 'connect-timeout-ms';

/** Set on a refusal before anything was handled; the caller asks another instance. */
export const NOT_HANDLED_HEADER = 'parley-not-handled';
