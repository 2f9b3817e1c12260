// topology.ts for the tools: compiled alone, as it is needed before the build (which ports must be free?).
import { createRequire } from 'node:module';
import path from 'node:path';
import { compile, isCurrent } from './build.mjs';

const root = path.dirname(import.meta.dirname);
process.chdir(root); // every tool works from the root, wherever it was called
if (!isCurrent('topology.ts')) await compile('topology.ts');

export const { topology, PORTS, httpPort, callsPort, instanceName } = createRequire(import.meta.url)(
  path.join(root, 'dist/topology.js'),
);
