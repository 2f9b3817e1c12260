import { command, type Message } from '@parley/contract';
import { z } from 'zod';

/** The first part of its name is its owner: the service that handles it. */
export const WriteInvoice = command(
  'shop.write-invoice',
  z.object({ orderId: z.string(), cents: z.int().positive() }),
  { key: 'orderId' },
);
export type WriteInvoice = Message<typeof WriteInvoice>;
