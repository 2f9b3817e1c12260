// npx nx g @parley/nx:saga: see schemas/saga.json.
import { namesOf } from './names.mjs';
import { SCHEMAS, thenWrite } from './outputs.mjs';
import { addFollowed, addImports, addSaga } from './source-edits.mjs';
import { write, writeAll } from './templates.mjs';

const DURATION = /^\d+(ms|s|m|h|d)$/;

/**
 * @param {import('./templates.mjs').Tree} tree
 * @param {{ name: string, service: string, patience?: string }} options
 */
export default async function saga(tree, { name, service, patience = '15m' }) {
  const values = { ...namesOf('a saga', name), service, patience };
  if (!DURATION.test(patience))
    throw new Error(`"${patience}" is no duration; write a number and ms, s, m, h or d: 15m`);
  const [module, contracts] = [
    `apps/${service}/src/app.module.ts`,
    `libs/contracts/${service}/src`,
  ];
  const before = tree.read(module, 'utf8');
  const index = tree.read(`${contracts}/index.ts`, 'utf8');
  if (before === null || index === null)
    throw new Error(
      `there is no service "${service}": ${before === null ? module : contracts} does not exist`,
    );
  const wired = addSaga(before, values.camel);
  if (wired === undefined)
    throw new Error(
      `${module} has no ServiceModule.forRoot with migrations: a saga needs the database of its service`,
    );
  await writeAll(tree, 'saga/contracts', contracts, values);
  const exported = ['Begun', 'Answered', 'Ended'].map((end) => values.pascal + end).join(', ');
  await write(tree, `${contracts}/index.ts`, `${index}export { ${exported} } from './${name}';\n`);
  await writeAll(tree, 'saga/app', `apps/${service}/src`, values);
  const imported = `import { ${values.camel} } from './${name}.saga';`;
  await write(tree, module, addImports(wired, imported));
  const topology = tree.read('topology.ts', 'utf8') ?? '';
  await write(tree, 'topology.ts', addFollowed(topology, service, service));
  return thenWrite(
    tree,
    [SCHEMAS],
    `Next: its steps are in apps/${service}/src/${name}.saga.ts; publish ${values.pascal}Begun to start one, and ${values.pascal}Answered when the answer is there. npm test -- ${name} tries it.`,
  );
}
