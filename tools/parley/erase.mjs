// npm run parley -- erase: the end of what messages say of somebody.
import { createInterface } from 'node:readline/promises';
import { paint } from '../terminal/colours.mjs';
import { read, Usage } from './arguments.mjs';
import { ConsoleApi, Refusal } from './console-api.mjs';
import { answered } from './dead-letters-list.mjs';

const HELP = `npm run parley -- erase <subject> [options]

  npm run parley -- erase 6f1c2b1e-… --reason 'she asked for it'     in the shop a subject is an order

  --dry-run          only say what is known of the subject
  --yes              do not ask; without a terminal it must be said
  --reason TEXT      for the audit
  --as NAME          who you are (default: your login)
  --json
Throws the subject's key away: what is personal in log, queues, outboxes, dead letters and their audit cannot be read any more, within
a minute by nobody. It cannot be undone. What services keep in their own tables and files is theirs to erase; they are named.`;

const OPTIONS = {
  'dry-run': { type: 'boolean', default: false },
  yes: { type: 'boolean', default: false },
  reason: { type: 'string' },
  as: { type: 'string' },
};

export async function run(args) {
  const asked = read(args, { help: HELP, options: OPTIONS, positionals: [1, 1] });
  if (!asked) return;
  const [subject] = asked.given;
  const api = new ConsoleApi(asked.as);
  const found = answered(await api.get(`subjects/${encodeURIComponent(subject)}`));
  if (!found.some(({ known }) => known))
    throw new Refusal(`No message says anything personal of ${subject}: it has no key.`);
  if (asked['dry-run']) return tell(asked, found, described(subject, found));
  await confirm(subject, found, asked);
  const done = answered(
    await api.post(`subjects/${encodeURIComponent(subject)}/erase`, { reason: asked.reason }),
  );
  tell(asked, done, [outcomeOf(subject, done), ...copies(done)]);
}

const tell = ({ json }, data, lines) =>
  console.log(json ? JSON.stringify(data, null, 2) : lines.join('\n'));

function described(subject, found) {
  const { since, erased } = found.find(({ known }) => known);
  const state = erased
    ? `was erased ${erased.at} by ${erased.who}${erased.reason ? `: ${erased.reason}` : ''}`
    : `has a key since ${since}; erasing it makes all that messages say of it unreadable`;
  return [`${subject} ${state}`, ...copies(found)];
}

function copies(found) {
  const own = found.filter(({ ownCopies }) => ownCopies);
  if (own.length === 0) return [];
  return [
    'own copies, which no key erases:',
    ...own.map(({ service, ownCopies }) => `  ${paint('yellow', service.padEnd(14))} ${ownCopies}`),
  ];
}

function outcomeOf(subject, done) {
  if (done.some(({ outcome }) => outcome === 'erased'))
    return `${subject} is erased; processes that still have the key forget it within a minute.`;
  return `${subject} was erased before.`;
}

async function confirm(subject, found, { yes, json }) {
  if (yes) return;
  if (!process.stdin.isTTY || json) throw new Usage('This cannot be undone: say --yes.', HELP);
  console.log(described(subject, found).join('\n'));
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal
    .question(`Type the subject again to erase it: `)
    .finally(() => terminal.close());
  if (answer.trim() !== subject) throw new Refusal('Nothing was erased.');
}
