import { broadcast, call, type Message, type ReplyOf } from '@parley/contract';
import { z } from 'zod';

/** A product's number, as printed on the shelf: `TEA-0042`. */
export const Sku = z.string().regex(/^[A-Z]{2,6}-\d{4}$/);

/** Whole cents. The shop sells in euro only, and takes no order above this. */
export const MOST_CENTS = 100_000_000;
export const Cents = z.int().min(0).max(MOST_CENTS);

/** So many of a product. */
export const Line = z.object({ sku: Sku, quantity: z.int().min(1).max(1_000) });
export type Line = z.infer<typeof Line>;

/** At most 100 lines, each product once. */
export const Lines = z
  .array(Line)
  .min(1)
  .max(100)
  .refine(
    (lines) => new Set(lines.map((line) => line.sku)).size === lines.length,
    'names a product twice; add the quantities up',
  );

export const Product = z.object({
  sku: Sku,
  name: z.string(),
  description: z.string(),
  price: Cents,
  grams: z.int().positive(),
});
export type Product = z.infer<typeof Product>;

/** A line with the price agreed for one piece and its weight. */
export const QuotedLine = z.object({
  sku: Sku,
  quantity: z.int().positive(),
  name: z.string(),
  price: Cents,
  grams: z.int().positive(),
});
export type QuotedLine = z.infer<typeof QuotedLine>;

/** The cost of these lines now. */
export const QuotePrice = call('catalog.quote-price', {
  request: z.object({ lines: Lines }),
  reply: z.object({ lines: z.array(QuotedLine), total: Cents }),
  errors: {
    'unknown-sku': z.object({ sku: z.string(), line: z.int() }),
    /** In cents: the total of the lines, and the highest total of an order. */
    'too-much': z.object({ total: z.int(), most: z.int() }),
  },
  deadline: '2s',
  idempotent: true,
});
export type QuotePrice = Message<typeof QuotePrice>;
export type Quote = ReplyOf<typeof QuotePrice>;

export const ListProducts = call('catalog.list-products', {
  request: z.object({}),
  reply: z.object({ products: z.array(Product) }),
  deadline: '2s',
  idempotent: true,
});
export type ListProducts = Message<typeof ListProducts>;

export const ChangePrice = call('catalog.change-price', {
  request: z.object({ sku: Sku, price: Cents }),
  reply: z.object({ sku: Sku, price: Cents, previous: Cents }),
  errors: { 'unknown-sku': z.object({ sku: z.string() }) },
  deadline: '2s',
  idempotent: true,
});
export type ChangePrice = Message<typeof ChangePrice>;

/** Every gateway instance corrects the prices it shows. */
export const PriceChanged = broadcast(
  'catalog.price-changed',
  z.object({ sku: Sku, price: Cents }),
);
export type PriceChanged = Message<typeof PriceChanged>;
