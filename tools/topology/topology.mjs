// topology.ts for the tools: compiled alone, as it is needed before the build (which ports must be
// free?).
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
process.chdir(root); // every tool works from the root, wherever it was called
// An image has no sources, and no compiler: there, what was built is what there is.
if (existsSync('topology.ts')) {
  const { compile, isCurrent } = await import('../build/build.mjs');
  if (!isCurrent('topology.ts')) await compile('topology.ts');
}

/** @type {typeof import('../../topology.js')} */
const built = createRequire(import.meta.url)(path.join(root, 'dist/topology.js'));

export const {
  topology,
  PORTS,
  sendersOf,
  httpPort,
  callsPort,
  operationsPort,
  instanceName,
  ownersCalled,
  callsAllowed,
} = built;
