// npm run parley -- sagas: processes of several messages, where each stands, and which are stuck
// behind a dead letter.
import { paint } from '../terminal/colours.mjs';
import { table } from '../terminal/progress.mjs';
import { number, read } from './arguments.mjs';
import { ConsoleApi } from './console-api.mjs';
import { answered, moment } from './dead-letters-list.mjs';

const HELP = `npm run parley -- sagas [options]

  --saga NAME        of this name: fulfilment
  --stage STAGE      at this stage
  --state STATE      running, finished or failing (a timeout's step fails)
  --stuck            only those with a dead letter in their conversation, finished ones too
  --older-than AGE   started at least so long ago: 15m
  --limit N          of each service (default 50); the latest first
  --json
A saga that is done may have said something that waits behind a dead letter of its key: replay or discard the letter.`;

const OPTIONS = {
  saga: { type: 'string' },
  stage: { type: 'string' },
  state: { type: 'string' },
  stuck: { type: 'boolean', default: false },
  'older-than': { type: 'string' },
  limit: { type: 'string', default: '50' },
};

export async function run(args) {
  const asked = read(args, { help: HELP, options: OPTIONS });
  if (!asked) return;
  const { saga, stage, state, limit } = asked;
  const query = {
    saga,
    stage,
    state,
    olderThan: asked['older-than'],
    ...(asked.stuck && { stuck: true }),
    limit: number('limit', limit, 1, 1000, HELP),
  };
  const answers = answered(await new ConsoleApi().get('sagas', query), asked);
  const sagas = answers.flatMap(({ service, items = [] }) =>
    items.map((one) => ({ service, ...one })),
  );
  for (const { service, incomplete } of answers)
    if (incomplete)
      console.error(paint('yellow', `${service}: ${incomplete}; a stuck saga may be missing`));
  if (asked.json) return console.log(JSON.stringify(sagas, null, 2));
  if (sagas.length === 0)
    return console.log(`There are no ${asked.stuck ? 'stuck ' : ''}sagas of that kind.`);
  const row = ({ service, name, key, stage = '', done, startedAt, changedAt, dead = [] }) => [
    `${service}/${name}`, key, stage, done ? 'done' : 'running', moment(startedAt), moment(changedAt), dead.length > 0 ? paint('yellow', dead.map(described).join(', ')) : '',
  ]; // prettier-ignore
  console.log(
    table(['saga', 'key', 'stage', '', 'started', 'changed', 'dead letters'], sagas.map(row)),
  );
}

const described = ({ letter, contract, holds }) =>
  `${letter} (${contract}${holds ? ', its lane waits' : ''})`;
