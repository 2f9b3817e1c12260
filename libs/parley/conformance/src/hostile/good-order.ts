import { randomUUID } from 'node:crypto';
import { text } from '@parley/contract';
import { z } from 'zod';
import type { Good } from './hostile';

/** A payload with a place of every sort that hostile messages change. */
export const GoodOrder = z.object({
  id: z.uuid(),
  name: text(200),
  lines: z
    .array(z.object({ sku: z.string(), quantity: z.int().min(1).max(1_000_000) }))
    .min(1)
    .max(100),
});
export type GoodOrder = z.infer<typeof GoodOrder>;

export const goodOrder: Good = {
  payload: {
    id: randomUUID(),
    name: 'Ada',
    lines: [{ sku: 'TEA-0001', quantity: 1 }],
  } satisfies GoodOrder,
  text: 'name',
  id: 'id',
  number: 'lines.0.quantity',
  list: 'lines',
};
