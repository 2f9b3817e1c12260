import type { IncomingHttpHeaders } from 'node:http';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

const PREFLIGHT_KEPT_S = 600;

/** The origins whose pages may use the edge from a browser. */
export class PageOrigins {
  /** @param listed `https://shop.example`, or `*` alone for every page; empty: no page of others */
  constructor(readonly listed: readonly string[] = []) {}

  /**
   * True when the sender of a request may open a WebSocket, which browsers do without asking: a page
   * that is listed, one of the edge's own origin, or no page at all.
   */
  mayConnect({ origin, host }: Pick<IncomingHttpHeaders, 'origin' | 'host'>): boolean {
    if (origin === undefined || this.listed.includes('*') || this.listed.includes(origin))
      return true;
    return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
  }
}

/**
 * Lets pages of other origins use the edge from a browser (CORS). Without an origin no page may,
 * the default of browsers. Credentials are bearer tokens that the page adds itself, never cookies.
 */
export function openToOrigins(app: NestFastifyApplication): void {
  const { listed } = app.get(PageOrigins);
  if (listed.length === 0) return;
  app.enableCors({
    origin: listed.includes('*') ? '*' : [...listed],
    methods: ['GET', 'HEAD', 'POST'],
    allowedHeaders: [
      'authorization',
      'content-type',
      'idempotency-key',
      'if-none-match',
      'last-event-id',
      'request-timeout',
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
