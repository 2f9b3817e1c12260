import { event, type Message } from '@parley/contract';
import { z } from 'zod';

/** A mail about an order was handed to the mail server (or written as a file). */
export const CustomerNotified = event(
  'notifications.customer-notified',
  z.object({ orderId: z.uuid(), to: z.string(), subject: z.string() }),
  {
    key: 'orderId',
    version: 2,
    personal: { subject: 'orderId', fields: { to: 'erased' } },
  },
);
export type CustomerNotified = Message<typeof CustomerNotified>;
