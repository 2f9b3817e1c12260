import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

/** The built page, beside the compiled gateway. */
const BUILT = join(__dirname, '../page/built');

const ASSETS = 'assets';
const INDEX = 'index.html';

/** Only files of this address: no code and no styles in the document, nothing of others. */
const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const NOT_BUILT =
  'The storefront is not built yet: npm start builds it beside the services, npm run build:page by hand. The API is at /docs.';

/**
 * Serves the storefront at `/`: one document, and its files, whose names change with their content.
 * The page may be built while the gateway runs.
 * @param folder of the built page
 */
export function serveStorefront(app: NestFastifyApplication, folder = BUILT): void {
  const server = app.getHttpAdapter().getInstance();
  void server.register(fastifyStatic, { root: folder, serve: false, suppressWarning: true });
  server.get('/', (_request, reply) => {
    void reply.header('content-security-policy', CONTENT_POLICY);
    if (!existsSync(join(folder, INDEX)))
      return reply.status(503).header('retry-after', '5').type('text/plain').send(NOT_BUILT);
    return reply.sendFile(INDEX, { cacheControl: false }).header('cache-control', 'no-cache');
  });
  server.get(`/${ASSETS}/:name`, (request, reply) => {
    const { name } = request.params as { readonly name: string };
    void reply.header('content-security-policy', CONTENT_POLICY);
    return reply.sendFile(`${ASSETS}/${name}`, { maxAge: '365d', immutable: true });
  });
}
