import type { AddressInfo } from 'node:net';
import type { Provider } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { answerProblems, ProblemFilter } from '@parley/service';
import type { Harness } from '@parley/testing';
import { AppModule } from '../../gateway/src/app.module';
import { edge } from '../../gateway/src/edge';
import { RateLimits } from '../../gateway/src/limits/rate-limits';

interface GatewayParts {
  /** In the place of its own. */
  readonly providers?: readonly Provider[];
  /** Called before the edge is configured. */
  readonly configure?: (app: NestFastifyApplication) => void;
}

/** Starts the gateway on a port of its own, without limits, before the services of a harness. @returns its URL */
export async function startGateway(
  harness: Harness,
  { providers = [], configure }: GatewayParts = {},
): Promise<string> {
  const { app } = await harness.start(
    'gateway',
    {
      controllers: Reflect.getMetadata('controllers', AppModule) as [],
      providers: [
        ...(Reflect.getMetadata('providers', AppModule) as []),
        { provide: RateLimits, useValue: new RateLimits({ reads: null, writes: null }) },
        ...providers,
      ],
    },
    (started) => {
      const edgeOf = started as NestFastifyApplication;
      configure?.(edgeOf);
      answerProblems(edgeOf, new ProblemFilter(edge));
      edge.configure(edgeOf);
    },
  );
  await app.listen(0, '127.0.0.1');
  return `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
}
