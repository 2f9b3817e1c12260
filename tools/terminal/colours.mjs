// Colours on a terminal, plain text anywhere else.
const CODES = { red: 31, green: 32, yellow: 33, magenta: 35, cyan: 36, grey: 90 };

const coloured = process.stdout.isTTY && process.env.NO_COLOR === undefined;

/**
 * @param {keyof typeof CODES} colour
 * @param {string} text
 */
export const paint = (colour, text) => (coloured ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text);
