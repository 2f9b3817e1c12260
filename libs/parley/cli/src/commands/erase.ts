import { z } from 'zod';
import { command, type Report } from '../command-line/command';
import { RefusedError, UsageError } from '../command-line/errors';
import type { Given } from '../command-line/given';
import type { Reply } from '../fleet/services';
import type { Paint } from '../output/colours';
import type { Session } from '../session';

const Subject = z.looseObject({
  known: z.boolean(),
  since: z.string().optional(),
  erased: z
    .looseObject({ at: z.string(), who: z.string(), reason: z.string().optional() })
    .optional(),
  ownCopies: z.string().optional(),
});
type Subject = z.infer<typeof Subject>;

const Erased = z.looseObject({ outcome: z.string(), ownCopies: z.string().optional() });

export const erase = command({
  name: 'erase',
  summary: 'makes unreadable what messages say of somebody',
  parameters: '<subject>',
  words: [1, 1],
  options: {
    'dry-run': { type: 'boolean', help: 'only say what is known of the subject' },
    yes: { type: 'boolean', help: 'do not ask; required without a terminal' },
    reason: { type: 'string', value: 'TEXT', help: 'for the audit' },
    as: { type: 'string', value: 'NAME', help: 'who you are; default: your login' },
  },
  notes: [
    "It deletes the subject's key: the personal fields in log, queues, outboxes, dead letters and their audit cannot be read any more,",
    'within a minute in any process. It cannot be undone. What services keep in their own tables and files is theirs to erase;',
    'they are named.',
  ].join('\n'),
  async run(given, session) {
    const { services } = session;
    const subject = given.words[0] ?? '';
    const path = `/operations/subjects/${encodeURIComponent(subject)}`;
    const found = await services.each(path, Subject);
    const known = found.find(({ body }) => body.known)?.body;
    if (!known)
      throw new RefusedError(`No message says anything personal of ${subject}: it has no key.`);
    const before = [stateOf(subject, known), ...copies(found, session.paint)].join('\n');
    if (given.flag('dry-run')) return { json: found.map(rowOf(subject)), text: before };
    await confirm(subject, before, given, session);
    const request = { reason: given.text('reason') };
    const done = await services.changeEach(`${path}/erase`, request, Erased);
    return reportOf(subject, done, session.paint);
  },
});

const rowOf =
  (subject: string) =>
  ({ service, body: { known, since, erased, ownCopies } }: Reply<Subject>) => ({
    ...{ service, subject, known, since, ownCopies },
    ...{ erasedAt: erased?.at, erasedBy: erased?.who, reason: erased?.reason },
  });

function stateOf(subject: string, { since, erased }: Subject): string {
  if (!erased)
    return `${subject} has a key since ${since}; erasing it makes all that messages say of it unreadable`;
  const { at, who, reason } = erased;
  return `${subject} was erased ${at} by ${who}${reason === undefined ? '' : `: ${reason}`}`;
}

function copies(
  answers: readonly Reply<{ readonly ownCopies?: string }>[],
  paint: Paint,
): readonly string[] {
  const own = answers.flatMap(({ service, body: { ownCopies } }) =>
    ownCopies === undefined ? [] : [`  ${paint('yellow', service.padEnd(14))} ${ownCopies}`],
  );
  return own.length === 0 ? [] : ['own copies, which no key erases:', ...own];
}

function reportOf(
  subject: string,
  done: readonly Reply<z.infer<typeof Erased>>[],
  paint: Paint,
): Report {
  const outcome = done.some(({ body }) => body.outcome === 'erased')
    ? `${subject} is erased; processes that still have the key forget it within a minute.`
    : `${subject} was erased before.`;
  return {
    json: done.map(({ service, body }) => ({
      ...{ service, subject, outcome: body.outcome, ownCopies: body.ownCopies },
    })),
    text: [outcome, ...copies(done, paint)].join('\n'),
  };
}

/** Twice: what cannot be undone is typed again, or said by `--yes`. */
async function confirm(
  subject: string,
  before: string,
  given: Given<'yes'>,
  { terminal }: Session,
): Promise<void> {
  if (given.flag('yes')) return;
  if (!terminal.isInteractive || given.flag('json'))
    throw new UsageError('This cannot be undone: say --yes.');
  terminal.print(before);
  const answer = await terminal.ask('Type the subject again to erase it: ');
  if (answer.trim() !== subject) throw new RefusedError('Nothing was erased.');
}
