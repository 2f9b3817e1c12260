import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { problem, ProblemError } from '@parley/service';

interface Route {
  readonly path: RegExp;
  readonly methods: Set<string>;
}

/** Refuses a method that is not for a resource that is there, and says which are: RFC 9110 asks for 405, Nest says 404. */
export function refuseOtherMethods(app: NestFastifyApplication): void {
  const routes = new Map<string, Route>();
  const server = app.getHttpAdapter().getInstance();
  server.addHook('onRoute', ({ url, method }) => {
    const route = routes.get(url) ?? { path: matcherOf(url), methods: new Set() };
    for (const one of [method].flat()) route.methods.add(one);
    routes.set(url, route);
  });
  server.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) return done();
    const [path] = request.url.split('?');
    const methods = [...routes.values()].flatMap((route) => (route.path.test(path!) ? [...route.methods] : []));
    if (methods.length === 0) return done();
    void reply.header('allow', [...new Set(methods)].sort().join(', '));
    done(new ProblemError(problem(405, 'This method is not for this resource', `${request.method} is not answered here.`)));
  });
}

/** `/orders/:id` matches one part of a path for each name. */
const matcherOf = (url: string): RegExp =>
  new RegExp(`^${url.split('/').map((part) => (part.startsWith(':') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))).join('/')}/?$`);
