import { isDuration, milliseconds, type Duration } from '@parley/contract';
import { serviceEnvironment } from '@parley/service';
import { z } from 'zod';

const Timeout = z.custom<Duration>(isDuration, 'must be a duration such as 800ms or 3s');

export const environment = serviceEnvironment({
  PAYMENT_PROVIDER_URL: z
    .url('must be a URL such as https://provider.example')
    .describe('where the payment provider answers'),
  PAYMENT_PROVIDER_TIMEOUT: Timeout.default('3s')
    .transform(milliseconds)
    .describe('how long an answer of the provider is waited for'),
  // Waiting for the provider holds no connection to the database: more may wait than work.
  CONCURRENCY: z.coerce
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(32)
    .describe('messages of one subscription handled at the same time'),
});
