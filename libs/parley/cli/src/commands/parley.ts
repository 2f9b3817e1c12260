import type { CommandGroup } from '../command-line/command';
import { audit } from './audit';
import { completionOf } from './completion';
import { concurrency } from './concurrency';
import { contracts } from './contracts';
import { audit as deadLettersAudit } from './dead-letters-audit';
import { discard, replay } from './dead-letters-decide';
import { edit } from './dead-letters-edit';
import { list } from './dead-letters-list';
import { cancel, runs } from './dead-letters-runs';
import { show } from './dead-letters-show';
import { doctor } from './doctor';
import { erase } from './erase';
import { explain } from './explain';
import { install } from './install';
import { messages } from './messages';
import { overdue } from './overdue';
import { saga } from './saga';
import { sagas } from './sagas';
import { status } from './status';
import { topology } from './topology';

const deadLetters: CommandGroup = {
  name: 'dead-letters',
  summary: 'messages that no handling helped: list, show, edit, replay, discard, audit',
  commands: [list, show, edit, replay, discard, runs, cancel, deadLettersAudit],
};

/** All commands. */
export const PARLEY: CommandGroup = {
  name: 'parley',
  summary: '',
  commands: [
    status,
    messages,
    deadLetters,
    sagas,
    saga,
    overdue,
    concurrency,
    erase,
    audit,
    contracts,
    explain,
    topology,
    doctor,
    install,
    completionOf(() => PARLEY),
  ],
  notes:
    'Exit codes: 0 all is well; 1 something is not well, was refused or does not answer; 2 a mistake in what was typed.',
};
