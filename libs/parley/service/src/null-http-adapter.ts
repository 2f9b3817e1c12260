import { AbstractHttpAdapter } from '@nestjs/core';
import type { Server } from 'node:http';
import type { HttpServer } from './http-server';

/** A service without HTTP routes of its own has one. */
export class UnexpectedRouteError extends Error {
  override readonly name = 'UnexpectedRouteError';
}

/**
 * The HTTP adapter for Nest in a service without routes: a web framework would cost each such
 * process a fifth of a second and 14 MB.
 */
export class NullHttpAdapter extends AbstractHttpAdapter<Server, never, never> {
  constructor(private readonly door: HttpServer) {
    super(
      Object.fromEntries(
        ['get', 'post', 'put', 'patch', 'delete', 'head', 'options', 'all', 'search', 'query'].map(
          (verb) => [verb, refuse(verb)],
        ),
      ),
    );
  }

  initHttpServer(): void {
    this.httpServer = this.door.httpServer;
  }

  close(): void {}
  getType(): string {
    return 'none';
  }

  registerParserMiddleware(): void {}
  setErrorHandler(): void {}
  setNotFoundHandler(): void {}
  enableCors(): void {}
  useStaticAssets(): void {}
  setViewEngine(): void {}
  isHeadersSent(): boolean {
    return true;
  }

  createMiddlewareFactory = unused;
  applyVersionFilter = unused;
  getRequestHostname = unused;
  getRequestMethod = unused;
  getRequestUrl = unused;
  status = unused;
  reply = unused;
  end = unused;
  render = unused;
  redirect = unused;
  setHeader = unused;
  getHeader = unused;
  appendHeader = unused;
}

function unused(): never {
  throw new UnexpectedRouteError(
    'this service serves no HTTP of its own; start it with serve(AppModule, { http: {} })',
  );
}

function refuse(verb: string) {
  return (path: unknown) => {
    throw new UnexpectedRouteError(
      `there is a route ${verb.toUpperCase()} ${String(path)}; start the service with serve(AppModule, { http: {} })`,
    );
  };
}
