// The packages of the kit: one for each library below libs/parley, described by the package.json
// beside its project.json.
import fs from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import aliases from './aliases.cjs';

/**
 * A package.json, as far as it is read here.
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} version
 * @property {string} [license]
 * @property {string} [type]
 * @property {string} [main]
 * @property {string} [types]
 * @property {Record<string, string>} [engines]
 * @property {Record<string, unknown>} [exports]
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [devDependencies]
 * @property {Record<string, string>} [peerDependencies]
 * @property {Record<string, { optional: boolean }>} [peerDependenciesMeta]
 */

/**
 * @typedef {object} Package
 * @property {string} folder from the root
 * @property {Manifest} manifest
 */

/**
 * The way a package is imported: for its types only, when it is needed (`import()`), or at start.
 * @typedef {'types' | 'when needed' | 'at start'} Use
 */

const PLACES = ['libs/parley', 'libs/parley/transports'];
/** Packages of the repository's own tests, which are not published. */
const NOT_SHIPPED = /\.(spec|fixture|trial|test-d|d)\.ts$/;

/**
 * @param {string} file
 * @returns {Manifest}
 */
export const readManifest = (file) =>
  JSON.parse(fs.readFileSync(path.join(aliases.root, file), 'utf8'));

/** @returns {Package[]} in the order of their folders */
export const packages = () =>
  PLACES.flatMap((place) =>
    fs
      .readdirSync(path.join(aliases.root, place))
      .map((name) => `${place}/${name}`)
      .filter((folder) => fs.existsSync(path.join(aliases.root, folder, 'project.json')))
      .map((folder) => ({ folder, manifest: readManifest(`${folder}/package.json`) })),
  );

/**
 * The files of a package: sources to compile, and what is copied as it is.
 * @param {string} folder
 * @returns {{ sources: string[], assets: string[] }} from the root
 */
export function filesOf(folder) {
  const files = fs
    .readdirSync(path.join(aliases.root, folder, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.md'))
    .map((entry) => path.relative(aliases.root, path.join(entry.parentPath, entry.name)))
    .map((file) => file.replaceAll(path.sep, '/'));
  return {
    sources: files.filter((file) => file.endsWith('.ts') && !NOT_SHIPPED.test(file)),
    assets: files.filter((file) => !file.endsWith('.ts')),
  };
}

/**
 * The entries of a package by their place in `exports`: `{ '.': 'src/index.ts' }`.
 * @param {Package} of
 * @returns {Record<string, string>}
 */
export function entriesOf({ folder, manifest: { name } }) {
  const own = Object.entries(aliases.forSwc.paths)
    .filter(([alias]) => alias === name || alias.startsWith(`${name}/`))
    .sort(([one], [other]) => one.length - other.length);
  return Object.fromEntries(
    own.map(([alias, [file = '']]) => [
      `.${alias.slice(name.length)}`,
      path.posix.relative(folder, file),
    ]),
  );
}

/** @param {string} specifier */
const packageOf = (specifier) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

/** @param {string} specifier */
const isPackage = (specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:');

/**
 * @param {ts.ImportDeclaration | ts.ExportDeclaration} statement
 * @returns {Use}
 */
function useBy(statement) {
  if (ts.isExportDeclaration(statement)) return statement.isTypeOnly ? 'types' : 'at start';
  const clause = statement.importClause;
  if (!clause) return 'at start';
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return 'types';
  const names = clause.namedBindings;
  if (clause.name || !names || !ts.isNamedImports(names)) return 'at start';
  return names.elements.every((element) => element.isTypeOnly) ? 'types' : 'at start';
}

/**
 * @param {ts.Node} node
 * @returns {{ specifier: string, use: Use } | undefined}
 */
function importBy(node) {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    const { moduleSpecifier } = node;
    if (moduleSpecifier && ts.isStringLiteral(moduleSpecifier))
      return { specifier: moduleSpecifier.text, use: useBy(node) };
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
    return { specifier: node.argument.literal.getText().slice(1, -1), use: 'types' };
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [argument] = node.arguments;
    if (argument && ts.isStringLiteral(argument))
      return { specifier: argument.text, use: 'when needed' };
  }
  return undefined;
}

/** @type {Record<Use, number>} */
const STRENGTH = { types: 0, 'when needed': 1, 'at start': 2 };

/**
 * Each package that the shipped sources of a library import, and the strongest use of it.
 * @param {string} folder
 * @returns {Map<string, Use>}
 */
export function importsOf(folder) {
  /** @type {Map<string, Use>} */
  const uses = new Map();
  /** @param {ts.Node} node */
  const visit = (node) => {
    const found = importBy(node);
    if (found && isPackage(found.specifier)) {
      const name = packageOf(found.specifier);
      if (STRENGTH[found.use] >= STRENGTH[uses.get(name) ?? 'types']) uses.set(name, found.use);
    }
    ts.forEachChild(node, visit);
  };
  for (const file of filesOf(folder).sources) {
    const text = fs.readFileSync(path.join(aliases.root, file), 'utf8');
    visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  }
  return uses;
}
