import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RefusedError, UsageError } from '../command-line/errors';

const STANDARD_INPUT = 0;

/** A body as it was typed: itself, `@file`, or `-` for standard input. */
export function bodyFromText(text: string): string {
  if (text === '-') return readFileSync(STANDARD_INPUT, 'utf8');
  if (!text.startsWith('@')) return text;
  const file = text.slice(1);
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RefusedError(`${file} cannot be read: ${reason}`);
  }
}

/** A body as somebody left it in an editor. */
export function bodyFromEditor(editor: string, body: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'parley-'));
  const file = join(folder, 'body.json');
  try {
    writeFileSync(file, body, { mode: 0o600 });
    const { status } = spawnSync(editor, [file], { stdio: 'inherit', shell: true });
    if (status !== 0) throw new RefusedError('The editor failed; nothing was changed.');
    return readFileSync(file, 'utf8').trim();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Sets one field of a document: `lines.0.quantity=2`. The value is JSON, or else text.
 * @returns the document
 */
export function withField(document: unknown, assignment: string): unknown {
  const at = assignment.indexOf('=');
  if (at < 1) throw new UsageError(`--set is "${assignment}", but must be FIELD=VALUE.`);
  const names = assignment.slice(0, at).split('.');
  const last = names.pop() ?? '';
  let place = document;
  for (const name of names) place = fieldOf(place, name);
  if (typeof place !== 'object' || place === null)
    throw new RefusedError(`There is no ${[...names, last].join('.')} in its body.`);
  Object.defineProperty(place, last, {
    value: valueOf(assignment.slice(at + 1)),
    enumerable: true,
    writable: true,
    configurable: true,
  });
  return document;
}

const fieldOf = (place: unknown, name: string): unknown =>
  typeof place === 'object' && place !== null && Object.hasOwn(place, name)
    ? Reflect.get(place, name)
    : undefined;

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
