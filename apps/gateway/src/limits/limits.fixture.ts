import { randomUUID } from 'node:crypto';

const address = { line1: '1 Mill Lane', city: 'Bath', postcode: 'BA1 1AA', country: 'GB' };
const order = {
  customer: { name: 'Gus', email: 'gus@example.org', address },
  lines: [{ sku: 'TEA-0001', quantity: 2 }],
  payment: { token: 'tok_ok' },
};

/** Places an order. */
export const place = (url: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID(), ...headers },
    body: JSON.stringify(order),
  });
/** The number of responses of each status. */
export const countOf = (statuses: readonly number[]) =>
  Object.fromEntries(
    [...new Set(statuses)].map((status) => [
      status,
      statuses.filter((one) => one === status).length,
    ]),
  );

/** The status of a response, whose body is not read. */
export const statusOf = async (asked: Promise<Response>): Promise<number> => {
  const response = await asked;
  await response.body?.cancel();
  return response.status;
};

/** The header with which a trusted proxy names its client. */
export const from = (ip: string) => ({ 'x-forwarded-for': ip });
