import { z } from 'zod';

/** Messages of each subscription of a service that are not handled yet. */
export const Backlog = z.array(
  z.looseObject({
    subscription: z.string(),
    waiting: z.number(),
    parked: z.number(),
    delayed: z.number(),
    dead: z.number(),
  }),
);
