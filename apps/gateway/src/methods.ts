import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { problem, ProblemError } from '@parley/service';

interface Route {
  /** `['orders', ':id']`: a name with a colon stands for any one part. */
  readonly parts: readonly string[];
  readonly methods: Set<string>;
}

/**
 * Refuses a method that is not for a resource that is there, and says which are: RFC 9110 asks for
 * 405, Nest says 404.
 */
export function refuseOtherMethods(app: NestFastifyApplication): void {
  const routes = new Map<string, Route>();
  const server = app.getHttpAdapter().getInstance();
  server.addHook('onRoute', ({ url, method }) => {
    const route = routes.get(url) ?? { parts: partsOf(url), methods: new Set() };
    for (const one of [method].flat()) route.methods.add(one);
    routes.set(url, route);
  });
  server.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) return done();
    const given = partsOf(request.url.split('?')[0]!);
    const methods = [...routes.values()].flatMap((route) =>
      matches(route.parts, given) ? [...route.methods] : [],
    );
    // Nearly the resource's address, with a slash too many: the method is not at fault.
    if (methods.length === 0 || methods.includes(request.method)) return done();
    void reply.header('allow', [...new Set(methods)].sort().join(', '));
    done(
      new ProblemError(
        problem(
          405,
          'This method is not for this resource',
          `${request.method} is not answered here.`,
        ),
      ),
    );
  });
}

/** Without the slash at the end, if there is one. */
const partsOf = (path: string): readonly string[] => path.replace(/\/$/, '').split('/').slice(1);

const matches = (parts: readonly string[], given: readonly string[]): boolean =>
  parts.length === given.length &&
  parts.every((part, index) =>
    part.startsWith(':') ? given[index] !== '' : part === given[index],
  );
