import { type Line, MOST_CENTS, type Product, type Quote } from '@contracts/catalog';

/** A line that names nothing we sell. */
export interface UnknownLine {
  readonly sku: string;
  /** Its place among the lines, from 0. */
  readonly line: number;
}

/** Lines that come to more than an order may be worth. */
export interface TooMuch {
  readonly total: number;
  readonly most: number;
}

/** The cost of these lines at today's prices. */
export function quote(
  lines: readonly Line[],
  products: ReadonlyMap<string, Product>,
): Quote | UnknownLine | TooMuch {
  const line = lines.findIndex(({ sku }) => !products.has(sku));
  if (line >= 0) return { sku: lines[line]!.sku, line };
  const quoted = lines.map(({ sku, quantity }) => {
    const { name, price, grams } = products.get(sku)!;
    return { sku, quantity, name, price, grams };
  });
  const total = quoted.reduce((sum, { price, quantity }) => sum + price * quantity, 0);
  return total > MOST_CENTS ? { total, most: MOST_CENTS } : { lines: quoted, total };
}
