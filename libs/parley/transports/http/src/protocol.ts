/** Bytes of the largest request or reply that either side sends or accepts. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/** The type of the request and the reply of a call. */
export const JSON_TYPE = 'application/json';
/** The type of the request and the items of a stream: frames of JSON. */
export const STREAM_TYPE = 'application/connect+json';

/** Milliseconds that the caller waits, by Connect's protocol. */
export const TIMEOUT_HEADER = 'connect-timeout-ms';
/** Connect's protocol allows ten digits, 115 days: a longer deadline is told as that. */
export const LONGEST_TIMEOUT_MS = 9_999_999_999;

/** Set on a refusal before anything was handled; the caller asks another instance. */
export const NOT_HANDLED_HEADER = 'parley-not-handled';
