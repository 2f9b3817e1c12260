import { isIP } from 'node:net';
import { z } from 'zod';
import type { Limit } from './rate-limits';

const rate = z.string().transform((text, context): Limit => {
  if (text === 'off') return null;
  const [, requests, seconds] = /^([1-9]\d{0,6})\/([1-9]\d{0,4})s$/.exec(text) ?? [];
  if (requests !== undefined && seconds !== undefined)
    return { requests: Number(requests), seconds: Number(seconds) };
  context.addIssue('must be requests in a time, such as 200/10s, or off');
  return z.NEVER;
});

const most = (what: string) =>
  z.coerce.number(`must be ${what}`).int(`must be ${what}`).min(1, `must be ${what}`);

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== ''),
);

/** Fastify's names of networks. */
const NETWORKS = ['loopback', 'linklocal', 'uniquelocal'];

function isProxy(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (rest.length > 0 || (family === 0 && !(bits === undefined && NETWORKS.includes(text))))
    return false;
  return (
    bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
  );
}

const isOrigin = (text: string): boolean =>
  text === '*' || (URL.canParse(text) && new URL(text).origin === text);

/** Environment variables with the limits of a client. */
export const limitSettings = {
  RATE_LIMIT_READS: rate
    .default({ requests: 200, seconds: 10 })
    .describe('requests of one client that read, account or address; off: any number'),
  RATE_LIMIT_WRITES: rate
    .default({ requests: 20, seconds: 10 })
    .describe('requests of one client that change something, such as orders; off: any number'),
  RATE_LIMIT_URL: z
    .string()
    .regex(
      /^(rediss?|postgres(ql)?):\/\/./,
      'must be a URL such as redis://host:6379 or postgres://user:password@host:5432/database',
    )
    .optional()
    .describe('where all instances count together; without it each counts for itself'),
  TRUSTED_PROXIES: list
    .refine(
      (proxies) => proxies.every(isProxy),
      'must be addresses or networks such as 10.0.0.0/8, with commas in between',
    )
    .default([])
    .describe('proxies whose X-Forwarded-For names the client; of others it is not believed'),
  STREAMS_PER_CLIENT: most('a whole number from 1')
    .default(20)
    .describe('streams of events that one client may have open'),
  STREAMS_AT_MOST: most('a whole number from 1')
    .default(2_000)
    .describe('streams of events that all clients together may have open at this process'),
  CORS_ORIGINS: list
    .refine(
      (origins) => origins.every(isOrigin),
      'must be origins such as https://shop.example, with commas in between, or *',
    )
    .default([])
    .describe('origins whose pages may use the edge from a browser; default none'),
};
