// The call of the bench: about 500 bytes asked, a few answered, validated on both sides.
import { z } from 'zod';

const Line = z.object({ sku: z.string(), quantity: z.number().int(), note: z.string() });
export const Request = z.object({ orderId: z.string(), lines: z.array(Line) });
export const Reply = z.object({ orderId: z.string(), total: z.number() });
/** @typedef {z.infer<typeof Request>} Request */
/** @typedef {z.infer<typeof Reply>} Reply */

export const DEADLINE_MS = 10_000;
/** Headers of each call by hand, the same as ours. */
export const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** @param {number} n @returns {Request} */
export const request = (n) => ({
  orderId: `0b9f1f3a-7b1e-4a35-9d9a-${String(n).padStart(12, '0')}`,
  lines: Array.from({ length: 5 }, (_, line) => ({
    sku: `P-${1000 + line}`,
    quantity: line + 1,
    note: 'as agreed on the telephone, please',
  })),
});

/** @param {Request} request @returns {Reply} */
export const answer = ({ orderId, lines }) => ({
  orderId,
  total: lines.reduce((sum, { quantity }) => sum + quantity, 0),
});

/**
 * The answer of those that do not validate by themselves.
 * @param {unknown} body
 */
export const answerValidated = (body) => Reply.parse(answer(Request.parse(body)));

/** For gRPC by hand and by Nest. */
export const PROTO = `syntax = "proto3";
package catalog;
service Catalog { rpc QuotePrice (QuotePriceRequest) returns (QuotePriceReply); }
message Line { string sku = 1; int32 quantity = 2; string note = 3; }
message QuotePriceRequest { string orderId = 1; repeated Line lines = 2; }
message QuotePriceReply { string orderId = 1; int32 total = 2; }
`;
