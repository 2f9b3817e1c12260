import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { OPEN } from './access';

/** The built page, beside the compiled console. */
export const PAGE = join(__dirname, '../page/built');

const ASSETS = 'assets';
const INDEX = 'index.html';

/**
 * Only files of this address, and no inline script. Inline styles are needed by the component
 * library, which writes its variables into one.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

const NOT_BUILT =
  "The operators' page is not built yet: npm start builds it beside the services, npm run build:page by hand. The API is below /api.";

/**
 * Serves the operators' page: its files, whose names change with their content, and the document
 * for every other path outside of /api, because the page has paths of its own. Without a token, for
 * it holds no data. The page may be built while the console runs.
 */
export function servePage(app: NestFastifyApplication, folder: string): void {
  const server = app.getHttpAdapter().getInstance();
  void server.register(fastifyStatic, { root: folder, serve: false, suppressWarning: true });
  server.get(`/${ASSETS}/*`, { config: OPEN }, (request, reply) => {
    const { '*': name } = request.params as { readonly '*': string };
    void reply.headers(HEADERS);
    return reply.sendFile(`${ASSETS}/${name}`, { maxAge: '365d', immutable: true });
  });
  for (const path of ['/', '/*'])
    server.get(path, { config: OPEN }, (_request, reply) => document(reply, folder));
  // More exact than the path above: what is not there in the API is no page, and asks for a token.
  for (const path of ['/api', '/api/*']) server.get(path, missing);
}

function document(reply: FastifyReply, folder: string) {
  void reply.headers(HEADERS);
  if (!existsSync(join(folder, INDEX)))
    return reply.status(503).header('retry-after', '5').type('text/plain').send(NOT_BUILT);
  return reply.sendFile(INDEX, { cacheControl: false }).header('cache-control', 'no-cache');
}

const missing = ({ method, url }: FastifyRequest, reply: FastifyReply) =>
  reply
    .status(404)
    .send({ statusCode: 404, message: `Cannot ${method} ${url}`, error: 'Not Found' });
