// Replies of the pretended shop's services.

/** @typedef {{ status?: number, body: unknown }} Reply */
/** @typedef {Record<string, unknown>} Json */

export const MINUTE = 60_000;
/** @param {number} minutes */
export const before = (minutes) => {
  const timeOfDay = Date.now();
  return new Date(timeOfDay - minutes * MINUTE).toISOString();
};
/** @param {string} message */
export const missing = (message) => ({ status: 404, body: { status: 404, message } });
