// Files that are generated from sources: schemas and .proto files of the contracts, and the compose
// file.
import { execFileSync } from 'node:child_process';
import path from 'node:path';

/**
 * Writes them anew, once the generator's files are stored.
 * @param {import('./templates.mjs').Tree} tree
 * @param {string[]} tools
 * @param {string} next what is left to do
 */
export const thenWrite = (tree, tools, next) => () => {
  for (const tool of tools)
    execFileSync(process.execPath, [path.join(tree.root, tool)], {
      cwd: tree.root,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  console.log(`\n${next}`);
};

export const SCHEMAS = 'tools/contracts/contracts.mjs';
export const COMPOSE = 'tools/compose/compose.mjs';
