import Module from 'node:module';

/**
 * Stand-in for the parts of Nest that the kit's core loads: a class to extend and decorators. None
 * of them does anything here.
 */
const NEST: Readonly<Record<string, unknown>> = { Server: class {} };
const decorator = () => () => undefined;
const inPlaceOfNest = new Proxy(NEST, { get: (known, name: string) => known[name] ?? decorator });

type Load = (this: unknown, request: string, ...rest: unknown[]) => unknown;
const loader = Module as unknown as { _load: Load };
const load = loader._load;

// Import it first: a worker that never loads Nest starts in half the time, and shows that the kit's
// core does not live on it.
loader._load = function (request, ...rest) {
  return request.startsWith('@nestjs/') ? inPlaceOfNest : load.call(this, request, ...rest);
};
