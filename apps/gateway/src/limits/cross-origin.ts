import type { NestFastifyApplication } from '@nestjs/platform-fastify';

const PREFLIGHT_KEPT_S = 600;

/**
 * Lets pages of other origins use the edge from a browser (CORS). Without an origin no page may,
 * the default of browsers. Credentials are bearer tokens that the page adds itself, never cookies.
 * @param origins `https://shop.example`, or `*` alone for every page
 */
export function openToOrigins(app: NestFastifyApplication, origins: readonly string[]): void {
  if (origins.length === 0) return;
  app.enableCors({
    origin: origins.includes('*') ? '*' : [...origins],
    methods: ['GET', 'HEAD', 'POST'],
    allowedHeaders: [
      'authorization',
      'content-type',
      'idempotency-key',
      'if-none-match',
      'last-event-id',
      'traceparent',
    ],
    exposedHeaders: [
      'etag',
      'location',
      'ratelimit',
      'ratelimit-policy',
      'retry-after',
      'x-correlation-id',
    ],
    credentials: false,
    maxAge: PREFLIGHT_KEPT_S,
  });
}
