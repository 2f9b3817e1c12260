import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import * as ts from 'typescript';
import { z } from 'zod';

/*
 * Every regular expression of the kit and the shop may be applied to text of strangers: in a
 * header, a body, a URL. None may take more than linear time, because a single text would then stop
 * a process. They are collected from the sources and measured with texts of each expression's own
 * characters, longer each time.
 */

const ROOT = join(__dirname, '../../../..');
const NOT_SHIPPED = /\.(spec|fixture|trial|test-d)\.tsx?$|\/(?:testing|conformance)\/src\//;
/** Characters of the longest text. */
const LONGEST = 32_000;
/** How much longer the next text is. */
const STEP = 8;
/**
 * A linear expression takes less than a tenth of it for the longest text, a quadratic one ten times
 * as much.
 */
const BOUND_MS = 60;
const CHARACTERS = [
  'a',
  'B',
  'f',
  '0',
  '1',
  ' ',
  '\t',
  '\n',
  '-',
  '_',
  '.',
  ':',
  '/',
  '@',
  '%',
  '"',
  "'",
  '\\',
  '=',
  '+',
  ',',
  '&',
  '<',
  '\0',
  'é',
  '\ud800',
];

interface Found {
  readonly where: string;
  readonly expression: RegExp;
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(
      (entry) =>
        entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.parentPath.includes('node_modules'),
    )
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !NOT_SHIPPED.test(file) && !file.includes('/dist/'));
}

/**
 * @param made receives the places of expressions that are built at run time and cannot be collected
 */
function expressionsIn(file: string, made: string[]): Found[] {
  const source = ts.createSourceFile(
    file,
    readFileSync(file, 'utf8'),
    ts.ScriptTarget.Latest,
    true,
  );
  const found: Found[] = [];
  const where = (node: ts.Node) =>
    `${relative(ROOT, file)}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node))
      found.push({ where: where(node), expression: expressionOf(node.text) });
    if (ts.isIdentifier(node) && node.text === 'RegExp' && !ts.isTypeReferenceNode(node.parent))
      made.push(where(node));
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function expressionOf(literal: string): RegExp {
  const end = literal.lastIndexOf('/');
  return new RegExp(literal.slice(1, end), literal.slice(end + 1));
}

/** A text of at least so many characters. */
type Text = (length: number) => string;

/**
 * Beginnings, repeated parts and ends that lead deep into the expression, and out of it at last.
 */
function* textsFor({ source }: RegExp): Generator<Text> {
  const words = [
    ...new Set(source.replace(/\\[a-zA-Z]|\\(.)/g, '$1').match(/[\w:/@"'.=%-]{2,}/g)),
  ].slice(0, 8);
  for (const start of ['', ...words]) {
    for (const part of [
      ...CHARACTERS,
      ...words,
      ...words.map((word) => `${word} `),
      'a:',
      'a://',
      'a://b:',
      '"a',
      '=a',
    ]) {
      const repeated: Text = (length) => start + part.repeat(Math.ceil(length / part.length));
      yield repeated;
      yield (length) => `${repeated(length)}\u0001`;
    }
  }
}

/**
 * `cpu` counts this process alone, also on a busy machine, but the kernel may count a short time as
 * nothing. `wall` is never too short.
 */
function millisecondsOf(expression: RegExp, text: string): { cpu: number; wall: number } {
  const began = performance.now();
  const started = process.cpuUsage();
  if (expression.global) text.replace(expression, '');
  else expression.test(text);
  const { user, system } = process.cpuUsage(started);
  return { cpu: (user + system) / 1_000, wall: performance.now() - began };
}

/**
 * The first text that takes too long, or nothing. A measurement may be long by chance, as when
 * memory is collected meanwhile: the shortest of five counts.
 */
function slowText(expression: RegExp): string | undefined {
  for (const textOf of textsFor(expression)) {
    for (let length = 500; length <= LONGEST; length *= STEP) {
      const text = textOf(length);
      const took = millisecondsOf(expression, text);
      if (took.wall < BOUND_MS) {
        if (staysWithinBound(took.wall, length)) break;
        continue;
      }
      const shortest = Math.min(
        took.cpu,
        ...[1, 2, 3, 4].map(() => millisecondsOf(expression, text).cpu),
      );
      if (shortest >= BOUND_MS)
        return `${shortest.toFixed(0)} ms for ${text.length} characters: ${JSON.stringify(text.slice(0, 40))}…`;
    }
  }
  return undefined;
}

/** Even if the time grew with the third power of the length, the longest text would be in time. */
const staysWithinBound = (took: number, length: number): boolean =>
  took * (LONGEST / length) ** 3 < BOUND_MS;

const made: string[] = [];
const found = ['libs', 'apps']
  .flatMap((folder) => sources(join(ROOT, folder)))
  .flatMap((file) => expressionsIn(file, made));
const ofZod: Found[] = Object.entries({
  email: z.regexes.email,
  uuid: z.regexes.uuid(),
  datetime: z.regexes.datetime({ offset: true }),
}).map(([name, expression]) => ({ where: `zod: ${name}`, expression }));

/** Of a number that the contract's author gives; one of them is measured below. */
const MADE_FOR_A_CONTRACT = /^libs\/parley\/contract\/src\/wire\.ts:/;
const ofContracts: Found[] = [
  { where: 'wire.decimal(2)', expression: /^-?(?:0|[1-9]\d*)\.\d{2}$/ },
];

describe('regular expressions', () => {
  it('are all found: none is made while the program runs', () => {
    expect(made.filter((where) => !MADE_FOR_A_CONTRACT.test(where))).toEqual([]);
    expect(found.length).toBeGreaterThan(30);
    expect(found.some(({ where }) => where.includes('.tsx:'))).toBe(true);
  });

  it('are seen to be quadratic when they are', () => {
    expect(slowText(/([a-z][a-z0-9+.-]*:\/\/[^\s:@]*):x@/i)).toContain('characters');
    expect(slowText(/\s+$/)).toContain('characters');
  });

  it.each([...found, ...ofZod, ...ofContracts].map((one) => [one.where, one.expression] as const))(
    '%s takes linear time',
    (_, expression) => {
      expect(slowText(expression)).toBeUndefined();
    },
  );
});
