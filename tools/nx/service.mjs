// npx nx g @parley/nx:service: see schemas/service.json and docs/add-a-service.md.
import { namesOf } from './names.mjs';
import { COMPOSE, SCHEMAS, thenWrite } from './outputs.mjs';
import { addProcess, freeSlot } from './source-edits.mjs';
import { write, writeAll } from './templates.mjs';

/**
 * @param {import('./templates.mjs').Tree} tree
 * @param {{ name: string, purpose?: string }} options
 */
export default async function service(tree, { name, purpose = `what ${name} is for` }) {
  const values = { ...namesOf('a service', name), purpose, migration: Date.now() };
  for (const folder of [`apps/${name}`, `libs/contracts/${name}`])
    if (tree.exists(folder)) throw new Error(`${folder} exists; choose another name`);
  const topology = tree.read('topology.ts', 'utf8') ?? '';
  if (topology.includes(`name: '${name}'`)) throw new Error(`topology.ts has "${name}" already`);
  await writeAll(tree, 'service/contracts', `libs/contracts/${name}`, values);
  await writeAll(tree, 'service/app', `apps/${name}`, values);
  const entry = `{ name: '${name}', purpose: ${JSON.stringify(purpose)}, place: 'inside', slot: ${freeSlot(topology)}, answersCalls: true, replicas: 1, data: '${name}' }`;
  await write(tree, 'topology.ts', addProcess(topology, name, entry));
  return thenWrite(
    tree,
    [SCHEMAS, COMPOSE],
    `Next: its contracts are in libs/contracts/${name}, its handlers in apps/${name}. npm test -- ${name} tries it, npx nx serve ${name} runs it; a line in the table of apps/README.md tells others.`,
  );
}
