import { z } from 'zod';
import type { Report } from '../command-line/command';
import { UsageError } from '../command-line/errors';
import type { Given } from '../command-line/given';
import type { Session } from '../session';

const VERBS = ['retry', 'skip', 'cancel', 'resume'] as const;
type Verb = (typeof VERBS)[number];

const PAST: Readonly<Record<Verb, string>> = {
  retry: 'is due now',
  skip: 'goes on without it',
  cancel: 'is being undone',
  resume: 'goes on',
};

/** Options of the repairs of one saga. */
export const REPAIR = {
  step: {
    type: 'string',
    value: 'STEP',
    help: 'of retry and skip: a timeout; of skip also the contract of an answer',
  },
  answer: {
    type: 'string',
    value: 'JSON',
    help: 'of skip: the fields of the answer, beside its key',
  },
  'as-it-is': { type: 'boolean', help: 'of cancel: it ends, and nothing is undone' },
  reason: { type: 'string', value: 'TEXT', help: 'for the audit' },
  as: { type: 'string', value: 'NAME', help: 'who you are; default: your login' },
} as const;

const Seen = z.looseObject({ version: z.number(), stage: z.string().optional() });

/**
 * Repairs one saga: `retry orders/fulfilment/4bee58aa`. It says which version of the saga it saw:
 * where a step was taken meanwhile, it is refused.
 */
export async function repairSaga(
  given: Given<keyof typeof REPAIR>,
  { services }: Session,
): Promise<Report> {
  const [verb = '', word = '', ...more] = given.words;
  if (!isVerb(verb) || more.length > 0 || word === '')
    throw new UsageError(`Say ${VERBS.join(', ')}, and which: retry <service>/<saga>/<key>.`);
  const [service = '', saga = '', ...rest] = word.split('/');
  const key = rest.join('/');
  if (key === '') throw new UsageError(`"${word}" names no saga; write <service>/<saga>/<key>.`);
  const reason = given.text('reason')?.trim();
  if (!reason) throw new UsageError('Say why, by --reason.');
  const path = `/operations/sagas/${encodeURIComponent(saga)}/${encodeURIComponent(key)}`;
  const { version } = await services.one(service, path, Seen);
  const request = { version, reason, ...stepOf(verb, given) };
  await services.change(service, `${path}/${verb}`, request, z.looseObject({}));
  const after = await services.one(service, path, Seen);
  return {
    json: { service, saga, key, action: verb, version: after.version, stage: after.stage },
    text: `${service}/${saga}/${key} ${PAST[verb]}; it is at ${after.stage ?? 'its end'}.`,
  };
}

const isVerb = (word: string): word is Verb => VERBS.some((verb) => verb === word);

function stepOf(verb: Verb, given: Given<keyof typeof REPAIR>): object {
  const step = given.text('step');
  if (verb === 'retry') return { ...(step !== undefined && { timeout: step }) };
  if (verb === 'cancel') return { ...(given.flag('as-it-is') && { asItIs: true }) };
  if (verb === 'resume') return {};
  if (step === undefined) throw new UsageError('Say what is skipped, by --step.');
  const answer = given.text('answer');
  return { step, ...(answer !== undefined && { answer: objectIn(answer) }) };
}

function objectIn(text: string): object {
  try {
    const read: unknown = JSON.parse(text);
    if (typeof read === 'object' && read !== null && !Array.isArray(read)) return read;
  } catch {
    // no JSON at all
  }
  throw new UsageError('--answer is no JSON object, as {"amount":1290}.');
}
