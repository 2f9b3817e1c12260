import { z } from 'zod';

const Cents = z.int().min(0).max(100_000_000_000);
const Name = z.string().min(1).max(300);

export const ChargeBody = z.strictObject({ amount: Cents, token: Name, reference: Name });
export const VoidBody = z.strictObject({ key: Name });
export const RefundBody = z.strictObject({ charge: Name, amount: Cents });
export const AdminBody = z.strictObject({
  down: z.boolean().optional(),
  delayMs: z.int().min(0).max(60_000).optional(),
});
export const LedgerQuery = z.strictObject({
  kind: z.enum(['charge', 'refund']).optional(),
  status: z.enum(['captured', 'declined', 'voided']).optional(),
  reference: Name.optional(),
  since: z.iso.datetime({ offset: true }).optional(),
  /** `true`: the entries themselves, too. */
  entries: z.enum(['true', 'false']).optional(),
});
export const Key = Name;
