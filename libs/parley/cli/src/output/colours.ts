const CODES = { red: 31, green: 32, yellow: 33, cyan: 36, grey: 90 } as const;

export type Colour = keyof typeof CODES;

/** Colours a text on a terminal; anywhere else it stays plain. */
export type Paint = (colour: Colour, text: string) => string;

export const painter =
  (hasColours: boolean): Paint =>
  (colour, text) =>
    hasColours ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text;
