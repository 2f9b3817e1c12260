import { PageEnd } from '@contracts/orders';
import { z } from 'zod';

/**
 * A place in a list, for clients. It is opaque: its content may change with the order of the list.
 */
export const cursorAt = (end: string): string => Buffer.from(end).toString('base64url');

/** The cursor of one order in a list of orders, newest first. */
export const cursorOf = ({ placedAt, orderId }: { placedAt: string; orderId: string }): string =>
  cursorAt(`${placedAt}~${orderId}`);

/** Reads a cursor of a list of orders. */
export const Cursor = z
  .string()
  .max(200)
  .transform((cursor, context): string => {
    const end = Buffer.from(cursor, 'base64url').toString();
    if (cursorAt(end) === cursor && PageEnd.safeParse(end).success) return end;
    context.addIssue('is not a cursor of this list');
    return z.NEVER;
  });
