/**
 * Characters that PostgreSQL takes in no text, and that no UTF-8 carries: NUL, and half of a
 * surrogate pair.
 */
export const UNSTORABLE = /\0|\p{Surrogate}/u;
const EACH = /\0|\p{Surrogate}/gu;

/** The text with U+FFFD for each character that a store refuses or changes. */
export const storable = (text: string): string => text.replace(EACH, '\ufffd');
