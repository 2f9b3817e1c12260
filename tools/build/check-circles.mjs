// Part of npm run lint: no file imports itself through others, type imports included. ESLint's
// import-x/no-cycle and knip leave type imports out. Exits 1 and names each circle.
import fs from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

process.chdir(path.resolve(import.meta.dirname, '../..'));

const ROOTS = ['apps', 'bench', 'chaos', 'libs', 'tools'];
const SOURCE = /^(?!(?:.*\/)?node_modules\/).*\.(?:tsx?|mjs|cjs)$/;

const files = new Set(
  ROOTS.flatMap((root) =>
    fs
      .readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((name) => SOURCE.test(name))
      .map((name) => path.join(root, name)),
  ),
);

/** The files that a file imports by relative paths. @param {string} file */
function importsOf(file) {
  const { importedFiles } = ts.preProcessFile(fs.readFileSync(file, 'utf8'), true, true);
  return importedFiles.flatMap(({ fileName }) => {
    if (!fileName.startsWith('.')) return [];
    const target = path.join(path.dirname(file), fileName);
    return [target, `${target}.ts`, `${target}.tsx`, path.join(target, 'index.ts')].filter((name) =>
      files.has(name),
    );
  });
}

const imports = new Map([...files].map((file) => [file, importsOf(file)]));
/** Files of which it is known whether they are on a circle. @type {Set<string>} */
const done = new Set();
/** @type {string[][]} */
const circles = [];

/** @param {string} file @param {string[]} way the files that led here */
function follow(file, way) {
  const at = way.indexOf(file);
  if (at >= 0) return void circles.push(way.slice(at));
  if (done.has(file)) return;
  for (const next of imports.get(file) ?? []) follow(next, [...way, file]);
  done.add(file);
}

for (const file of files) follow(file, []);
for (const circle of circles)
  console.error(
    `✗ a circle of imports: ${[...circle, circle[0]].join(' → ')}; move what they share into a file of its own`,
  );
console.log(`${files.size} files, ${circles.length} circles of imports`);
process.exitCode = circles.length > 0 ? 1 : 0;
