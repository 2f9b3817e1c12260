// Looking at dead letters.
import { paint } from '../terminal/colours.mjs';
import { table } from '../terminal/progress.mjs';
import { letter, number, read } from './arguments.mjs';
import { ConsoleApi, Refusal } from './console-api.mjs';
import { FILTER_HELP, FILTER_OPTIONS, filterOf } from './filter.mjs';

const LIST = `npm run parley -- dead-letters list [options]

  --groups           by cause: error class, first line of its message, contract
${FILTER_HELP}
  --limit N          of each service (default 50); the latest first
  --json`;

const SHOW = `npm run parley -- dead-letters show <service>/<number> [--json]`;

const AUDIT = `npm run parley -- dead-letters audit [options]

  --letter L         about one: orders/12
  --service S        of this service
  --who NAME         by this operator
  --limit N          of each service (default 50); the latest first
  --json`;

export async function list(args) {
  const options = {
    ...FILTER_OPTIONS,
    groups: { type: 'boolean', default: false },
    limit: { type: 'string', default: '50' },
  };
  const asked = read(args, { help: LIST, options });
  if (!asked) return;
  const query = {
    ...filterOf(asked, LIST),
    service: asked.service,
    limit: number('limit', asked.limit, 1, 1000, LIST),
  };
  const api = new ConsoleApi();
  const answers = answered(
    await api.get(
      asked.groups ? 'dead-letters/groups' : 'dead-letters',
      asked.groups ? query : { ...query, newest: true },
    ),
    asked,
  );
  if (asked.json) return console.log(JSON.stringify(answers, null, 2));
  if (asked.groups) showGroups(answers);
  else showLetters(answers);
  showWaiting(await api.get('backlog').catch(() => []), asked);
}

/**
 * What is not dead, but waits: for its retry, or behind a message of its key that failed or died.
 */
function showWaiting(answers, { service, subscription }) {
  const waiting = answers
    .filter((one) => service === undefined || one.service === service)
    .flatMap(({ items = [] }) => items)
    .filter(
      (one) => one.parked > 0 && (subscription === undefined || one.subscription === subscription),
    );
  if (waiting.length === 0) return;
  console.log(
    '\nNot dead, but waiting for a retry, or behind a message of their key that failed or died:',
  );
  console.log(table(['subscription', 'waiting', 'dead'], waiting.map(({ subscription, parked, dead }) => [subscription, parked, dead]))); // prettier-ignore
}

export async function show(args) {
  const asked = read(args, { help: SHOW, positionals: [1, 1] });
  if (!asked) return;
  const { service, id } = letter(asked.given[0], SHOW);
  const found = await new ConsoleApi().get(`dead-letters/${service}/${id}`);
  if (asked.json) return console.log(JSON.stringify(found, null, 2));
  console.log(described(service, found));
}

export async function audit(args) {
  const options = {
    letter: { type: 'string' },
    service: { type: 'string' },
    who: { type: 'string' },
    limit: { type: 'string', default: '50' },
  };
  const asked = read(args, { help: AUDIT, options });
  if (!asked) return;
  const about =
    asked.letter === undefined ? { service: asked.service } : letter(asked.letter, AUDIT);
  const query = {
    service: about.service,
    letter: about.id,
    who: asked.who,
    limit: number('limit', asked.limit, 1, 1000, AUDIT),
  };
  const answers = answered(await new ConsoleApi().get('dead-letters/audit', query), asked);
  if (asked.json) return console.log(JSON.stringify(answers, null, 2));
  const entries = answers
    .flatMap(({ service, entries = [] }) => entries.map((entry) => ({ service, ...entry })))
    .sort((a, b) => (a.at < b.at ? 1 : -1));
  if (entries.length === 0) return console.log('Nothing was done to any dead letter.');
  const row = ({ service, at, who, action, letter, outcome, became, subscription, reason }) => [
    moment(at),
    who,
    action,
    `${service}/${letter}`,
    clip(became ?? outcome, 60),
    subscription,
    reason,
  ];
  console.log(
    table(
      ['when', 'who', 'action', 'letter', 'outcome', 'subscription', 'reason'],
      entries.map(row),
    ),
  );
}

/** What services said; those that did not answer are named, and when nobody did it is an error. */
export function answered(answers, { service, json } = {}) {
  const failed = answers.filter(({ error }) => error !== undefined);
  if (service !== undefined && answers.length === 0)
    throw new Refusal(`There is no service ${service}.`);
  // Processes without data of their own keep no dead letters, and say so.
  const silent = failed.filter(({ error }) => error?.status !== 404);
  const says = ({ service, error }) => `${service} does not answer: ${error?.message ?? error}`;
  if (silent.length > 0 && silent.length === answers.length)
    throw new Refusal(silent.map(says).join('\n'));
  if (!json) for (const one of silent) console.error(paint('red', says(one)));
  return answers.filter(({ error }) => error === undefined);
}

function showLetters(answers) {
  const letters = answers.flatMap(({ service, deadLetters = [] }) =>
    deadLetters.map((one) => ({ service, ...one })),
  );
  const total = answers.reduce((sum, { count = 0 }) => sum + count, 0);
  if (letters.length === 0) return console.log('There are no dead letters of that kind.');
  const row = ({ service, id, died, headers, subscription, failure, holds, group }) => [
    `${service}/${id}`, moment(died), headers.type, subscription, failure.error, clip(firstLine(failure.message), 60), failure.tries, holds ? 'holds' : '', group,
  ]; // prettier-ignore
  console.log(
    table(
      ['letter', 'died', 'contract', 'subscription', 'error', 'message', 'tries', 'lane', 'group'],
      letters.map(row),
    ),
  );
  console.log(`${letters.length} of ${total}`);
}

function showGroups(answers) {
  const groups = answers
    .flatMap(({ service, groups = [] }) => groups.map((one) => ({ service, ...one })))
    .sort((a, b) => b.count - a.count);
  if (groups.length === 0) return console.log('There are no dead letters of that kind.');
  const row = ({ service, group, count, error, cause, contract, subscriptions, first, last }) => [
    group, count, service, contract, error, clip(cause, 70), subscriptions.join(', '), moment(first), moment(last),
  ]; // prettier-ignore
  console.log(
    table(
      [
        'group',
        'letters',
        'service',
        'contract',
        'error',
        'cause',
        'subscriptions',
        'first',
        'last',
      ],
      groups.map(row),
    ),
  );
}

function described(
  service,
  { id, subscription, headers, body, bodyBase64, failure, died, holds, edits, group, replay },
) {
  const { lane } = replay;
  const waiting = lane
    ? `${lane.key} ${lane.held ? `waits for ${lane.heldBy ? `letter ${lane.heldBy}` : 'this letter'}` : 'goes on without it'}, ${lane.waiting} behind it`
    : 'none: it has no key';
  const facts = [
    [
      'letter',
      `${service}/${id}${edits > 0 ? ` (edited ${edits === 1 ? 'once' : `${edits} times`})` : ''}`,
    ],
    ['contract', `${headers.type} version ${headers.contractversion ?? '?'}`],
    ['subscription', subscription],
    [
      'died',
      `${moment(died)} in ${failure.instance}, after ${failure.tries} tries since ${moment(failure.firstFailedAt)}`,
    ],
    [
      'producer',
      `${headers.producerinstance ?? '?'}, build ${headers.producerbuild ?? '?'}, said ${moment(headers.time)}`,
    ],
    ['lane', holds ? paint('yellow', waiting) : waiting],
    ['group', group],
    [
      'replay',
      `${paint(replay.expect === 'handled' ? 'green' : 'red', replay.expect)}: ${replay.why}`,
    ],
  ];
  const width = Math.max(
    ...facts.map(([name]) => name.length),
    ...Object.keys(headers).map((name) => name.length),
  );
  const lines = (pairs) =>
    pairs.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
  const failed = `${paint('red', `${failure.error}: ${failure.message}`)}${failure.stack ? `\n${failure.stack}` : ''}`;
  return [
    lines(facts),
    '── failure',
    failed,
    '── headers',
    lines(Object.entries(headers)),
    '── body',
    bodyBase64 ? `(not text, base64) ${bodyBase64}` : pretty(body),
  ].join('\n');
}

export function pretty(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

export const moment = (iso) => (iso ? iso.replace('T', ' ').replace(/\.\d+Z$/, 'Z') : '');
const firstLine = (text) => text.split('\n', 1)[0];
const clip = (text, most) => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);
