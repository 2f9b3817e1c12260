import { call, type Message, type ReplyOf } from '@parley/contract';
import { z } from 'zod';

/** Figures from the whole event stream. Money in euro cents, times in milliseconds. */
export const GetFigures = call('insights.get-figures', {
  request: z.object({}),
  reply: z.object({
    placed: z.int(),
    delivered: z.int(),
    rejected: z.int(),
    underWay: z.int(),
    revenue: z.int(),
    mails: z.int(),
    /** From placed to delivered or rejected. */
    duration: z.object({ p50: z.int(), p99: z.int() }),
    bestSellers: z.array(z.object({ sku: z.string(), name: z.string(), pieces: z.int() })),
    reasons: z.array(z.object({ reason: z.string(), orders: z.int() })),
  }),
  deadline: '3s',
  idempotent: true,
});
export type GetFigures = Message<typeof GetFigures>;
export type Figures = ReplyOf<typeof GetFigures>;
