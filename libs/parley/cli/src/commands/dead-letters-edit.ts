import { z } from 'zod';
import { command } from '../command-line/command';
import { RefusedError, UsageError } from '../command-line/errors';
import type { Given } from '../command-line/given';
import { letterName } from '../command-line/values';
import { pretty } from '../output/table';
import type { Session } from '../session';
import { bodyFromEditor, bodyFromText, withField } from './body';
import { DeadLetter } from './dead-letter';

const Edited = z.looseObject({ replayed: z.boolean() });

const OPTIONS = {
  set: {
    type: 'string',
    multiple: true,
    value: 'FIELD=VALUE',
    help: 'one field, repeated for more: lines.0.quantity=2; a value is JSON, or else text',
  },
  body: {
    type: 'string',
    value: 'JSON',
    help: 'the whole body; @file reads it from a file, - from standard input',
  },
  replay: { type: 'boolean', help: 'and put it back' },
  reason: { type: 'string', value: 'TEXT', help: 'for the audit' },
  as: { type: 'string', value: 'NAME', help: 'who you are; default: your login' },
} as const;

type Asked = Given<keyof typeof OPTIONS>;

export const edit = command({
  name: 'edit',
  summary: 'gives a letter another body, checked against its contract; --replay: and puts it back',
  parameters: '<service>/<number>',
  words: [1, 1],
  options: OPTIONS,
  notes: [
    'Without --set and --body it opens $EDITOR. The service checks the body against the contract of the handler it runs,',
    'and refuses what does not fit. The former body stays in the audit.',
  ].join('\n'),
  async run(given, session) {
    const { services } = session;
    const { service, id } = letterName(given.words[0] ?? '');
    const path = `/operations/dead-letters/${id}`;
    const found = await services.one(service, path, DeadLetter);
    const body = newBody(found, given, session);
    const letter = `${service}/${id}`;
    if (body === found.body && !given.flag('replay'))
      return { json: [{ letter, outcome: 'unchanged' }], text: 'Nothing changed.' };
    const request = {
      body,
      edits: found.edits,
      replay: given.flag('replay'),
      reason: given.text('reason'),
    };
    const { replayed } = await services.change(service, `${path}/edit`, request, Edited);
    const text = replayed
      ? 'has its new body and is replayed'
      : 'has its new body; replay it when its cause is gone';
    return {
      json: [{ letter, outcome: replayed ? 'edited and replayed' : 'edited' }],
      text: `${letter} ${text}.`,
    };
  },
});

function newBody(found: DeadLetter, given: Asked, { environment, terminal }: Session): string {
  const [set, body] = [given.list('set'), given.text('body')];
  if (set.length > 0 && body !== undefined) throw new UsageError('Either --set or --body.');
  if (body !== undefined) return bodyFromText(body);
  if (found.body === undefined)
    throw new RefusedError('Its body is no text; give it a whole new one by --body.');
  if (set.length > 0) return JSON.stringify(set.reduce(withField, parsed(found.body)));
  if (environment.editor === undefined || !terminal.isInteractive)
    throw new UsageError('Say what to change: --set, --body, or set EDITOR on a terminal.');
  return bodyFromEditor(environment.editor, pretty(found.body));
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new RefusedError(
      'Its body is no JSON, so no field of it can be set; give it a whole new one by --body.',
    );
  }
}
