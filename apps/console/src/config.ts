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
});
