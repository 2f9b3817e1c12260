import type { NestFastifyApplication } from '@nestjs/platform-fastify';

const READS = ['GET', 'HEAD'];

/**
 * A page of somewhere else cannot change anything by way of a browser that reaches the console: browsers name the page's
 * origin with everything that changes something.
 */
export function refuseForeignPages(app: NestFastifyApplication): void {
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', async (request, reply) => {
      const { origin, host } = request.headers;
      if (READS.includes(request.method) || origin === undefined || hostOf(origin) === host) return;
      return reply.status(403).send({ message: `${origin} may not change anything here`, statusCode: 403 });
    });
}

const hostOf = (origin: string): string | undefined => (URL.canParse(origin) ? new URL(origin).host : undefined);
