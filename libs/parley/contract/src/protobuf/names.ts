/** The names of a call in protobuf: `catalog`, `Catalog` and `QuotePrice` for `catalog.quote-price`. */
export interface ProtoNames {
  readonly package: string;
  readonly service: string;
  readonly method: string;
}

export function protoNamesOf(contract: string): ProtoNames {
  const [owner = '', verb = ''] = contract.split('.');
  return { package: owner.replaceAll('-', '_'), service: pascalOf(owner), method: pascalOf(verb) };
}

/** `QuotePrice` for `quote-price`. */
const pascalOf = (words: string): string =>
  words.replace(/(?:^|-+)([a-z0-9]?)/g, (_, first: string) => first.toUpperCase());

/** A field's name in the style of protobuf: `order_id` for `orderId`. */
export function fieldNameOf(json: string): string {
  const snake = json
    .replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`)
    .replace(/[^a-z0-9_]/g, '_');
  return /^[a-z]/.test(snake) ? snake : `f_${snake}`;
}

/** The JSON name that protobuf gives to a field by itself: `orderId` for `order_id`. */
export const jsonNameOf = (field: string): string =>
  field.replace(/_+([a-z0-9]?)/g, (_, next: string) => next.toUpperCase());

/** The name of a message that is made for a field: `OrderId` for `order_id`. */
export const messageNameOf = (field: string): string => pascalOf(field.replaceAll('_', '-'));
