// Giving a dead letter another body.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { letter, read, Usage } from './arguments.mjs';
import { ConsoleApi, Refusal } from './console-api.mjs';
import { pretty } from './dead-letters-list.mjs';

const HELP = `npm run parley -- dead-letters edit <service>/<number> [options]

  --set FIELD=VALUE  one field, as often as you like: --set lines.0.quantity=2; a value is JSON, or else text
  --body JSON        the whole body; @file reads it from a file, - from standard input
                     (without --set and --body: in $EDITOR)
  --replay           and put it back
  --reason TEXT      for the audit
  --as NAME          who you are (default: your login)
  --json
The service checks the body against the contract of the handler it runs, and refuses what does not fit. The former body stays in the audit.`;

const OPTIONS = {
  set: { type: 'string', multiple: true, default: [] },
  body: { type: 'string' },
  replay: { type: 'boolean', default: false },
  reason: { type: 'string' },
  as: { type: 'string' },
};

export async function edit(args) {
  const asked = read(args, { help: HELP, options: OPTIONS, positionals: [1, 1] });
  if (!asked) return;
  const { service, id } = letter(asked.given[0], HELP);
  const api = new ConsoleApi(asked.as);
  const found = await api.get(`dead-letters/${service}/${id}`);
  const body = newBody(found, asked);
  if (body === found.body && !asked.replay) return console.log('Nothing changed.');
  const answer = await api.post(`dead-letters/${service}/${id}/edit`, {
    body,
    edits: found.edits,
    replay: asked.replay,
    reason: asked.reason,
  });
  if (asked.json) return console.log(JSON.stringify(answer, null, 2));
  console.log(
    `${service}/${id} ${asked.replay ? 'has its new body and is replayed' : 'has its new body; replay it when its cause is gone'}.`,
  );
}

function newBody(found, { set, body }) {
  if (set.length > 0 && body !== undefined) throw new Usage('Either --set or --body.', HELP);
  if (body !== undefined) return given(body);
  if (found.bodyBase64 !== undefined)
    throw new Refusal('Its body is no text; give it a whole new one by --body.');
  return set.length > 0
    ? JSON.stringify(set.reduce(withField, parsed(found.body)))
    : inEditor(pretty(found.body));
}

function given(body) {
  if (body === '-') return fs.readFileSync(0, 'utf8');
  if (!body.startsWith('@')) return body;
  try {
    return fs.readFileSync(body.slice(1), 'utf8');
  } catch (error) {
    throw new Refusal(`${body.slice(1)} cannot be read: ${error.message}`);
  }
}

function parsed(body) {
  try {
    return JSON.parse(body);
  } catch {
    throw new Refusal(
      'Its body is no JSON, so no field of it can be set; give it a whole new one by --body.',
    );
  }
}

function withField(document, assignment) {
  const at = assignment.indexOf('=');
  if (at < 1) throw new Usage(`--set is "${assignment}", but must be FIELD=VALUE.`, HELP);
  const names = assignment.slice(0, at).split('.');
  const last = names.pop();
  let place = document;
  for (const name of names) {
    place = Object.hasOwn(Object(place), name) ? place[name] : undefined;
    if (place === null || typeof place !== 'object')
      throw new Refusal(`There is no ${[...names, last].join('.')} in its body.`);
  }
  Object.defineProperty(place, last, {
    value: valueOf(assignment.slice(at + 1)),
    enumerable: true,
    writable: true,
    configurable: true,
  });
  return document;
}

function valueOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function inEditor(text) {
  const editor = process.env.VISUAL ?? process.env.EDITOR;
  if (!editor || !process.stdin.isTTY)
    throw new Usage('Say what to change: --set, --body, or set EDITOR on a terminal.', HELP);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-'));
  const file = path.join(folder, 'body.json');
  try {
    fs.writeFileSync(file, text, { mode: 0o600 });
    const { status } = spawnSync(editor, [file], { stdio: 'inherit', shell: true });
    if (status !== 0) throw new Refusal('The editor failed; nothing was changed.');
    return fs.readFileSync(file, 'utf8').trim();
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}
