/** The numbers of the fields, by message (`QuotePriceRequest.Lines`) and property. */
export type FieldNumbers = Readonly<Record<string, Readonly<Record<string, number>>>>;

const known = new Map<string, FieldNumbers>();

/**
 * Tells the numbers of the fields of an owner's messages. Written by `npm run contracts` from the
 * owner's .proto file, into a module that its contract library imports.
 */
export function fieldNumbers(owner: string, numbers: FieldNumbers): void {
  known.set(owner, numbers);
}

export const fieldNumbersOf = (owner: string): FieldNumbers | undefined => known.get(owner);
