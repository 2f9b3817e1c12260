// npx nx g @parley/nx:technology: see schemas/technology.json and docs/technologies.md.
import path from 'node:path';
import { namesOf } from './names.mjs';
import { writeAll } from './templates.mjs';

const TRANSPORTS = 'libs/parley/transports';
const MAX_PORT = 65_535;
/** Packages of the kit that a technology needs, and those that its specs need. */
const USED = ['contract', 'messaging', 'resilience'];
const TRIED_WITH = ['conformance', 'memory', 'observability'];
const NEST = ['common', 'core', 'microservices', 'platform-fastify'].map(
  (name) => `@nestjs/${name}`,
);
const VITEST = '4.1.12';

/**
 * @param {import('./templates.mjs').Tree} tree
 * @param {{ name: string, directory?: string, port?: number }} options
 */
export default async function technology(tree, { name, directory = TRANSPORTS, port = 4000 }) {
  const names = namesOf('a technology', name);
  if (!Number.isInteger(port) || port < 1 || port > MAX_PORT)
    throw new Error(`${port} is no port; give a whole number from 1 to ${MAX_PORT}`);
  if (tree.exists(`${TRANSPORTS}/${name}`))
    throw new Error(
      `${TRANSPORTS}/${name} exists: the kit has this technology; choose another name`,
    );
  const isInside = path.posix.normalize(directory).replace(/\/$/, '') === TRANSPORTS;
  const target = isInside ? `${TRANSPORTS}/${name}` : path.posix.normalize(directory);
  if (target.startsWith('..') || path.posix.isAbsolute(target))
    throw new Error(
      `${directory} is outside of this repository; give a folder in it, and move it later`,
    );
  if (tree.exists(`${target}/package.json`))
    throw new Error(`${target}/package.json exists; choose another --directory`);
  const root = JSON.parse(tree.read('package.json', 'utf8') ?? '{}');
  const values = {
    ...names,
    port,
    version: root.version,
    node: root.engines.node,
    ...(isInside ? {} : dependenciesOf(target, root)),
  };
  await writeAll(tree, 'technology/package', target, values);
  await writeAll(tree, `technology/${isInside ? 'inside' : 'outside'}`, target, values);
  return () => console.log(`\n${isInside ? nextInside(names) : nextOutside(target, names)}`);
}

/**
 * @param {string} target
 * @param {{ version: string, dependencies: Record<string, string>, devDependencies: Record<string, string> }} root
 */
function dependenciesOf(target, { version, dependencies, devDependencies }) {
  const packed = (/** @type {string[]} */ names) =>
    names.map((name) => [
      `@parley/${name}`,
      `file:${path.posix.relative(target, `dist/packages/parley-${name}-${version}.tgz`)}`,
    ]);
  const tried = (/** @type {string[]} */ names) =>
    names.map((name) => [name, dependencies[name] ?? devDependencies[name]]);
  const sorted = (/** @type {(string | undefined)[][]} */ entries) =>
    JSON.stringify(Object.fromEntries(entries.sort(([a = ''], [b = '']) => (a < b ? -1 : 1))));
  return {
    dependencies: sorted(packed(USED)),
    devDependencies: sorted([
      ...packed(TRIED_WITH),
      ...tried([...NEST, 'reflect-metadata', 'rxjs', 'zod', 'typescript', '@types/node']),
      ['vitest', VITEST],
    ]),
  };
}

/** @param {import('./names.mjs').Names} names */
const nextInside = ({ name, capitals }) =>
  `Next: write connection.ts in ${TRANSPORTS}/${name}; then ${capitals}_URL=… npm test -- transports/${name}. Services load it by its lines in libs/parley/service/src/technologies.ts and package.json.`;

/**
 * @param {string} target
 * @param {import('./names.mjs').Names} names
 */
const nextOutside = (target, { capitals }) =>
  `Next: npm run pack; cd ${target}; npm install; npm test. Write connection.ts; then ${capitals}_URL=… npm test runs the conformance suites.`;
