import { type Duration, milliseconds } from '@parley/contract';
import { serviceEnvironment } from '@parley/service';
import { z } from 'zod';
import { addressesIn, addressesOf } from './addresses';

export const environment = serviceEnvironment({
  OPERATIONS_URLS: z
    .string()
    .default('{}')
    .transform((text, context) => {
      if (text.startsWith('file:')) return addressesIn(text);
      const addresses = addressesOf(text);
      if (addresses) return () => addresses;
      context.addIssue(
        `must be JSON that names the base URLs of each service, {"orders":["http://127.0.0.1:4010"]}, or the file: URL of such a document`,
      );
      return z.NEVER;
    })
    .describe(
      'where each instance of each service answers /health and /operations; a file is read again when it changes',
    ),
  MESSAGES_KEPT: z
    .string()
    .default('24h')
    .transform((text, context) => {
      try {
        return milliseconds(text as Duration);
      } catch {
        context.addIssue('must be a duration such as 2h or 7d');
        return z.NEVER;
      }
    })
    .describe('how long handled messages and spans are kept, for searches'),
  MESSAGES_KEPT_MB: z.coerce
    .number('must be a whole number of megabytes')
    .int('must be a whole number of megabytes')
    .min(0, 'must be a whole number of megabytes')
    .max(16_384, 'must be 16384 megabytes at most')
    .default(1_024)
    .describe('how much room they take in DATABASE_URL at most; 0: none are kept'),
});
