// Changes of TypeScript that exists: found by its syntax, made as text, formatted afterwards.
import ts from 'typescript';

/** @param {string} text */
const parse = (text) => ts.createSourceFile('source.ts', text, ts.ScriptTarget.Latest, true);

/**
 * @param {ts.Node} node
 * @param {(node: ts.Node) => boolean} isWanted
 * @returns {ts.Node | undefined}
 */
function find(node, isWanted) {
  if (isWanted(node)) return node;
  return ts.forEachChild(node, (child) => find(child, isWanted));
}

/**
 * @param {string} text
 * @param {number} at
 * @param {string} inserted
 */
const insert = (text, at, inserted) => text.slice(0, at) + inserted + text.slice(at);

/**
 * After the last import.
 * @param {string} text
 * @param {...string} lines
 */
export function addImports(text, ...lines) {
  const imports = parse(text).statements.filter(ts.isImportDeclaration);
  const missing = lines.filter((line) => !text.includes(line));
  return insert(text, imports.at(-1)?.end ?? 0, missing.map((line) => `\n${line}`).join(''));
}

/**
 * The object that a call such as `ServiceModule.forRoot({…})` is given.
 * @param {string} text
 * @param {string} callee
 */
function argumentOf(text, callee) {
  const call = find(
    parse(text),
    (node) => ts.isCallExpression(node) && node.expression.getText() === callee,
  );
  return call && ts.isCallExpression(call) ? { call, argument: call.arguments[0] } : undefined;
}

/**
 * @param {ts.ObjectLiteralExpression} object
 * @param {string} name
 */
const valueOf = (object, name) =>
  object.properties
    .filter(ts.isPropertyAssignment)
    .find((property) => property.name.getText() === name)?.initializer;

/**
 * The end of a list of nodes may be behind a comma, that of its last node is not.
 * @param {ts.NodeArray<ts.Node>} nodes
 */
const lastOf = (nodes) => /** @type {ts.Node} */ (nodes.at(-1));

/**
 * Adds an element to an array literal, at its begin or its end.
 * @param {string} text
 * @param {ts.ArrayLiteralExpression} array
 * @param {string} element
 * @param {'first' | 'last'} place
 */
function addElement(text, array, element, place = 'last') {
  if (array.elements.length === 0) return insert(text, array.getStart() + 1, element);
  return place === 'first'
    ? insert(text, array.getStart() + 1, `${element}, `)
    : insert(text, lastOf(array.elements).end, `, ${element}`);
}

/**
 * Wires a saga into the module of a service.
 * @param {string} text of app.module.ts
 * @param {string} saga the expression: `parcelReturn('3d')`
 * @returns {string | undefined} undefined when the module is written in another way
 */
export function addSaga(text, saga) {
  const known = argumentOf(text, 'SagaModule.forRoot');
  if (known)
    return known.argument && ts.isArrayLiteralExpression(known.argument)
      ? addElement(text, known.argument, saga)
      : undefined;
  const service = argumentOf(text, 'ServiceModule.forRoot');
  if (!service?.argument || !ts.isObjectLiteralExpression(service.argument)) return undefined;
  const migrations = valueOf(service.argument, 'migrations');
  if (!migrations || !ts.isArrayLiteralExpression(migrations)) return undefined;
  // From the end to the beginning, so that earlier positions stay right.
  const wired = insert(
    text,
    service.call.end,
    `, SagaModule.forRoot([${saga}]), CqrsModule.forRoot()`,
  );
  const watched = insert(wired, migrations.end, `, operations: { sagas: SagaOperations }`);
  const stored = addElement(watched, migrations, '...sagaMigrations', 'first');
  return addImports(
    stored,
    `import { CqrsModule } from '@nestjs/cqrs';`,
    `import { SagaModule, sagaMigrations, SagaOperations } from '@parley/sagas';`,
  );
}

/** @param {string} text of topology.ts */
function processesIn(text) {
  const declared = find(
    parse(text),
    (node) => ts.isVariableDeclaration(node) && node.name.getText() === 'topology',
  );
  const list = declared && ts.isVariableDeclaration(declared) ? declared.initializer : undefined;
  if (!list || !ts.isArrayLiteralExpression(list))
    throw new Error('topology.ts has no list "topology" any more: this generator has to learn it');
  return { list, processes: list.elements.filter(ts.isObjectLiteralExpression) };
}

/** @param {ts.ObjectLiteralExpression} process */
const nameOf = (process) => valueOf(process, 'name')?.getText().slice(1, -1);

/**
 * The next free slot: its ports follow from it.
 * @param {string} text of topology.ts
 */
export const freeSlot = (text) =>
  1 +
  Math.max(...processesIn(text).processes.map((one) => Number(valueOf(one, 'slot')?.getText())));

/**
 * Adds a service to topology.ts.
 * @param {string} text
 * @param {string} name
 * @param {string} entry an object literal
 */
export function addProcess(text, name, entry) {
  const { list } = processesIn(text);
  const listed = addElement(text, list, entry);
  const type = find(
    parse(listed),
    (node) => ts.isTypeAliasDeclaration(node) && node.name.text === 'Service',
  );
  if (!type || !ts.isTypeAliasDeclaration(type))
    throw new Error('topology.ts has no type "Service" any more: this generator has to learn it');
  return insert(listed, type.type.end, ` | '${name}'`);
}

/**
 * Notes in topology.ts that a service follows the events of an owner.
 * @param {string} text
 * @param {string} service
 * @param {string} owner
 */
export function addFollowed(text, service, owner) {
  const process = processesIn(text).processes.find((one) => nameOf(one) === service);
  if (!process) throw new Error(`topology.ts has no service "${service}"`);
  const follows = valueOf(process, 'follows');
  if (!follows) return insert(text, lastOf(process.properties).end, `, follows: ['${owner}']`);
  if (!ts.isArrayLiteralExpression(follows) || follows.getText().includes(`'${owner}'`))
    return text;
  return addElement(text, follows, `'${owner}'`);
}
