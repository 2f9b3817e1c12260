// Part of npm run lint: the package.json of every library of the kit says what the library is.
// Every package that its shipped sources import is declared, and nothing that is declared is
// unused; siblings are of this very version; the client of a technology is the one tried here; what
// an application brings itself is a peer. Says what is wrong in which file; exits 1.
import { entriesOf, importsOf, packages, readManifest } from './packages.mjs';

/** @typedef {import('./packages.mjs').Manifest} Manifest */
/** @typedef {import('./packages.mjs').Package} Package */

const NEST = '^12.0.0';
/**
 * Their specs were run on Nest 11, too. @parley/service needs the validation by schema of Nest 12;
 * terminus 12 takes Nest 11.
 */
const ALSO_ON_NEST_11 = new Set([
  '@parley/conformance',
  '@parley/grpc',
  '@parley/http',
  '@parley/kafka',
  '@parley/memory',
  '@parley/messaging',
  '@parley/observability',
  '@parley/operations',
  '@parley/rabbitmq',
  '@parley/redis',
  '@parley/sagas',
]);
const NEST_11_OR_12 = '>=11 <13';
/** Packages that an application brings itself, in the versions that are tried. */
const PEERS = new Map([
  ['@nestjs/common', NEST],
  ['@nestjs/core', NEST],
  ['@nestjs/cqrs', NEST],
  ['@nestjs/microservices', NEST],
  ['@nestjs/platform-fastify', NEST],
  ['@nestjs/terminus', NEST],
  ['@nestjs/testing', NEST],
  ['@opentelemetry/context-async-hooks', '^2.12.0'],
  ['@opentelemetry/exporter-trace-otlp-http', '^0.223.0'],
  ['@opentelemetry/resources', '^2.12.0'],
  ['@opentelemetry/sdk-trace', '^2.12.0'],
  ['fastify', '^5.0.0'],
  ['pg', '^8.16.0'],
  ['reflect-metadata', '^0.2.0'],
  ['rxjs', '^7.8.0'],
  ['typeorm', '>=0.3.20 <2'],
  ['zod', '^4.6.0'],
]);

const root = readManifest('package.json');
const all = packages();
/** All packages have one version, which `nx release` writes. */
const version = all[0]?.manifest.version ?? '';
const siblings = new Set(all.map(({ manifest }) => manifest.name));
/** @param {unknown} value */
const text = (value) => JSON.stringify(value);

/** @param {Package} of */
function problemsOfHead(of) {
  const { manifest } = of;
  const entries = Object.entries(entriesOf(of));
  const exported = {
    ...Object.fromEntries(
      entries.map(([at, file]) => {
        const built = `./${file.replace(/\.ts$/, '')}`;
        return [at, { types: `${built}.d.ts`, default: `${built}.js` }];
      }),
    ),
    './package.json': './package.json',
  };
  const { license, engines } = root;
  const expected = { version, license, engines, type: 'commonjs', exports: exported };
  return Object.entries(expected)
    .filter(([key, value]) => text(Reflect.get(manifest, key)) !== text(value))
    .map(([key, value]) => `${key} has to be ${text(value)}`);
}

/**
 * The range that a package needs of another.
 * @param {string} of
 * @param {string} name
 * @param {boolean} isPeer
 */
function rangeFor(of, name, isPeer) {
  if (siblings.has(name)) return version;
  const isOfNest = name.startsWith('@nestjs/') && name !== '@nestjs/terminus';
  if (isPeer && isOfNest && ALSO_ON_NEST_11.has(of)) return NEST_11_OR_12;
  if (isPeer) return PEERS.get(name);
  const tried = root.dependencies?.[name] ?? root.devDependencies?.[name];
  return tried === undefined ? undefined : `^${tried}`;
}

/** @param {Package} of */
function problemsOfDependencies({ folder, manifest }) {
  const { dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = manifest;
  const uses = importsOf(folder);
  uses.delete(manifest.name);
  const problems = [];
  for (const [name, use] of uses) {
    const optional = peerDependenciesMeta[name]?.optional === true;
    if (!(name in dependencies) && !(name in peerDependencies))
      problems.push(`${name} is imported, and not declared`);
    if (optional && use === 'at start')
      problems.push(`${name} is an optional peer, and imported at start`);
  }
  for (const [isPeer, ranges] of /** @type {const} */ ([
    [false, dependencies],
    [true, peerDependencies],
  ]))
    for (const [name, range] of Object.entries(ranges)) {
      const wanted = rangeFor(manifest.name, name, isPeer);
      if (!uses.has(name.replace(/^@types\//, '')))
        problems.push(`${name} is declared, and nothing that is shipped imports it`);
      else if (range !== wanted)
        problems.push(`${name} is declared as ${range}, and has to be ${wanted ?? 'a dependency'}`);
    }
  for (const name of Object.keys(peerDependenciesMeta))
    if (!(name in peerDependencies)) problems.push(`${name} is optional, and no peer`);
  return problems;
}

const problems = all.flatMap((of) =>
  [...problemsOfHead(of), ...problemsOfDependencies(of)].map(
    (problem) => `${of.folder}/package.json: ${problem}`,
  ),
);
for (const problem of problems) console.error(problem);
console.log(`${all.length} packages, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
