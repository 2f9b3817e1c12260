import { isDuration, milliseconds } from '@parley/contract';
import { serviceEnvironment } from '@parley/service';
import { z } from 'zod';

export const environment = serviceEnvironment({
  ORDER_PATIENCE: z
    .string()
    .default('15m')
    .refine(
      (text) => isDuration(text) && milliseconds(text) > 0,
      'must be a duration such as 90s or 15m',
    )
    .describe('how long an order may take before what was done for it is undone'),
});
