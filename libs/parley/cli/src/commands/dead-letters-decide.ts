import { command, type Report } from '../command-line/command';
import { UsageError } from '../command-line/errors';
import { letterName } from '../command-line/values';
import type { Session } from '../session';
import { type Action, DECISION, type Decided } from './dead-letter-decision';
import { decideInBulk } from './dead-letters-bulk';
import { decideEach, previewEach, previewMany } from './dead-letters-each';
import { replayInSteps } from './dead-letters-runs';

const CHOICE = '<service>/<number>… | --group G | --all';
const MOST_WORDS = 1_000;

export const replay = command({
  name: 'replay',
  summary: 'puts back one letter, a group or all; --dry-run: what would happen',
  parameters: CHOICE,
  words: [0, MOST_WORDS],
  options: {
    ...DECISION,
    'dry-run': { type: 'boolean', help: 'only say the expected results' },
    canary: {
      type: 'boolean',
      help: 'a group in steps of 1, 5, 25, then all at the rate; stops when one dies again',
    },
  },
  notes:
    'Each goes back to its place in its lane and is handled once, also when two people replay it.\nCtrl-C stops within a second; a canary goes on in the service, until "cancel".',
  async run(given, session) {
    const many = isForMany(given);
    if (given.flag('canary') && !given.flag('dry-run')) return replayInSteps(given, session);
    if (!given.flag('dry-run')) return decide('replay', given, session, many);
    if (many) return previewMany(given, session);
    return previewEach(given.words.map(letterName), session);
  },
});

export const discard = command({
  name: 'discard',
  summary: 'throws away one letter or a group, with a reason; a lane it held goes on',
  parameters: `${CHOICE} --yes, --reason TEXT`,
  words: [0, MOST_WORDS],
  options: { ...DECISION, yes: { type: 'boolean', help: 'with --all: really all of them' } },
  notes: 'It counts as handled from then on. The message and the reason stay in the audit.',
  async run(given, session) {
    if (!given.text('reason')?.trim()) throw new UsageError('Say why, by --reason.');
    if (given.flag('all') && !given.flag('yes'))
      throw new UsageError('All of them? Say so, by --yes.');
    return decide('discard', given, session, isForMany(given));
  },
});

function decide(action: Action, given: Decided, session: Session, many: boolean): Promise<Report> {
  if (many) return decideInBulk(action, given, session);
  return decideEach(action, given.words.map(letterName), given.text('reason'), session);
}

/** @throws {UsageError} when nothing is chosen, or letters by name and many at once */
function isForMany(given: Decided): boolean {
  const many = given.flag('all') || given.text('group') !== undefined;
  if (many && given.words.length > 0)
    throw new UsageError('Either letters by name, or --group, or --all.');
  if (!many && given.words.length === 0)
    throw new UsageError('Say which: <service>/<number>, --group or --all.');
  return many;
}
