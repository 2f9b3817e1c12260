import { z } from 'zod';
import { command, type Report } from '../command-line/command';
import type { Given } from '../command-line/given';
import { type Reply, queryOf } from '../fleet/services';
import { clip, firstLine, moment, table } from '../output/table';
import type { Session } from '../session';
import { Backlog } from './backlog';
import { DeadLetter, NONE, rowOf } from './dead-letter';
import { FILTER, filterOf } from './dead-letter-filter';

const Letters = z.looseObject({ count: z.number(), deadLetters: z.array(DeadLetter) });

const Group = z.looseObject({
  group: z.string(),
  count: z.number(),
  relapsed: z.number().optional(),
  error: z.string(),
  cause: z.string(),
  contract: z.string(),
  subscriptions: z.array(z.string()),
  first: z.string(),
  last: z.string(),
});
const Groups = z.looseObject({ groups: z.array(Group) });

type Asked = Given<keyof typeof FILTER | 'limit'>;

export const list = command({
  name: 'list',
  summary: 'which there are; --groups: by cause',
  options: {
    ...FILTER,
    groups: { type: 'boolean', help: 'by cause: error class, first line of its message, contract' },
    limit: { type: 'string', value: 'N', help: 'of each service, the latest first', default: '50' },
  },
  notes:
    'Below the letters it lists waiting messages: those between retries and those behind a letter.',
  run: (given, session) =>
    given.flag('groups') ? listGroups(given, session) : listLetters(given, session),
});

async function listLetters(given: Asked, session: Session): Promise<Report> {
  const query = queryOf({ ...filterOf(given), limit: limitOf(given), newest: true });
  const path = `/operations/dead-letters${query}`;
  const replies = await session.services.each(path, Letters, given.text('service'));
  const rows = replies.flatMap(({ service, body }) =>
    body.deadLetters.map((letter) => rowOf(service, letter)),
  );
  const total = replies.reduce((sum, { body }) => sum + body.count, 0);
  const text = [
    rows.length === 0 ? NONE : `${lettersTable(rows)}\n${rows.length} of ${total}`,
    await waitingTable(given, session),
  ];
  return { json: rows, text: text.filter(Boolean).join('\n\n') };
}

const lettersTable = (rows: readonly ReturnType<typeof rowOf>[]): string =>
  table(
    ['letter', 'died', 'contract', 'subscription', 'error', 'message', 'tries', 'lane', 'group'],
    rows.map((row) => [
      row.letter,
      moment(row.died),
      row.contract,
      row.subscription,
      row.error,
      clip(firstLine(row.message), 60),
      row.tries,
      row.holdsLane ? 'holds' : '',
      row.group,
    ]),
  );

async function listGroups(given: Asked, session: Session): Promise<Report> {
  const path = `/operations/dead-letters/groups${queryOf({ ...filterOf(given), limit: limitOf(given) })}`;
  const replies = await session.services.each(path, Groups, given.text('service'));
  const rows = replies.flatMap(groupRows).sort((a, b) => b.letters - a.letters);
  const text = [rows.length === 0 ? NONE : groupsTable(rows), await waitingTable(given, session)];
  return { json: rows, text: text.filter(Boolean).join('\n\n') };
}

const groupRows = ({ service, body }: Reply<z.infer<typeof Groups>>) =>
  body.groups.map(
    ({ group, count, relapsed, contract, error, cause, subscriptions, first, last }) => ({
      ...{ group, service, letters: count, relapsed, contract, error, cause, subscriptions },
      ...{ first, last },
    }),
  );

const groupsTable = (rows: ReturnType<typeof groupRows>): string =>
  table(
    [
      ...['group', 'letters', 'relapsed', 'service', 'contract', 'error', 'cause'],
      ...['subscriptions', 'first', 'last'],
    ],
    rows.map((row) => [
      row.group,
      row.letters,
      row.relapsed ?? 0,
      row.service,
      row.contract,
      row.error,
      clip(row.cause, 70),
      row.subscriptions.join(', '),
      moment(row.first),
      moment(row.last),
    ]),
  );

/**
 * Messages that are not dead, but wait: for their retry, or behind a message of their key that
 * failed or died.
 */
async function waitingTable(given: Asked, { services }: Session): Promise<string> {
  const [service, subscription] = [given.text('service'), given.text('subscription')];
  const replies = await services.each('/operations/backlog', Backlog, service).catch(() => []);
  const waiting = replies
    .flatMap(({ body }) => body)
    .filter((one) => one.parked > 0 && (subscription ?? one.subscription) === one.subscription);
  if (waiting.length === 0) return '';
  return [
    'Not dead, but waiting for a retry, or behind a message of their key that failed or died:',
    table(
      ['subscription', 'waiting', 'dead'],
      waiting.map(({ subscription: name, parked, dead }) => [name, parked, dead]),
    ),
  ].join('\n');
}

const limitOf = (given: Asked): number | undefined => given.number('limit', 1, 1_000);
