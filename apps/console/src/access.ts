import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { OperationsAccess } from '@parley/service';

const READS = ['GET', 'HEAD'];

/**
 * Admits requests to a known host name, with the token of operations. Pages of somewhere else
 * cannot change anything by way of a browser that reaches the console, either: browsers name the
 * page's origin with everything that changes something.
 */
export function guard(app: NestFastifyApplication, access: OperationsAccess): void {
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', async (request, reply) => {
      const { origin, host } = request.headers;
      const refusal = access.refusalOf(request.headers);
      if (refusal)
        return reply
          .status(refusal.status)
          .send({ message: refusal.message, statusCode: refusal.status });
      if (READS.includes(request.method) || origin === undefined || hostOf(origin) === host) return;
      return reply
        .status(403)
        .send({ message: `${origin} may not change anything here`, statusCode: 403 });
    });
}

const hostOf = (origin: string): string | undefined =>
  URL.canParse(origin) ? new URL(origin).host : undefined;
