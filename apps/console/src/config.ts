import { serviceEnvironment } from '@parley/service';
import { z } from 'zod';

const Addresses = z.record(z.string(), z.array(z.url()));

export const environment = serviceEnvironment({
  OPERATIONS_URLS: z
    .string()
    .default('{}')
    .transform((text, context) => {
      const parsed = Addresses.safeParse(parse(text));
      if (parsed.success) return parsed.data;
      context.addIssue('must be JSON that names the base URLs of each service: {"orders":["http://127.0.0.1:4010"]}');
      return z.NEVER;
    })
    .describe('where each instance of each service answers /health and /operations'),
});

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
