// npx nx g @parley/nx:contract: see schemas/contract.json.
import { namesOf } from './names.mjs';
import { SCHEMAS, thenWrite } from './outputs.mjs';
import { write, writeAll } from './templates.mjs';

const IDENTIFIER = /^[a-z][A-Za-z0-9]*$/;

/**
 * @param {import('./templates.mjs').Tree} tree
 * @param {{ name: string, kind: 'call' | 'command' | 'broadcast' | 'event', key?: string }} options
 */
export default async function contract(tree, { name: wireName, kind, key = 'id' }) {
  const [owner = '', name = '', ...more] = wireName.split('.');
  if (name === '' || more.length > 0)
    throw new Error(
      `"${wireName}" is no name on the wire; write owner.name: inventory.count-stock`,
    );
  const values = { ...namesOf('a contract', name), owner: namesOf('an owner', owner).name, key };
  if (!IDENTIFIER.test(key)) throw new Error(`"${key}" cannot name a field; write it like orderId`);
  const folder = `libs/contracts/${owner}`;
  const index = tree.read(`${folder}/src/index.ts`, 'utf8');
  if (index === null)
    throw new Error(
      `${folder} does not exist; "npx nx g @parley/nx:service ${owner}" makes the service and its contracts`,
    );
  if (new RegExp(`\\b${values.pascal}\\b`).test(index))
    throw new Error(`${folder}/src/index.ts exports ${values.pascal} already; choose another name`);
  await writeAll(tree, `contract/${kind}`, `${folder}/src`, values);
  const exported = `export { ${values.pascal} } from './${name}';`;
  await write(tree, `${folder}/src/index.ts`, `${index}${exported}\n`);
  const where =
    kind === 'call' || kind === 'command'
      ? `in apps/${owner}, its owner: without a handler ${kind === 'call' ? 'it has no answer' : 'it becomes a dead letter'}`
      : `wherever it is of interest, and name ${owner} there in topology.ts (${kind === 'event' ? 'follows' : 'listens'})`;
  return thenWrite(
    tree,
    [SCHEMAS],
    `Next: replace its fields, run npm run contracts, and write a method with @Handles(${values.pascal}) ${where}.`,
  );
}
