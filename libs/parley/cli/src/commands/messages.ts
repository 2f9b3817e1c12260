import { sleep } from '@parley/resilience';
import { z } from 'zod';
import { command, type CommandGroup, type Report } from '../command-line/command';
import type { Given } from '../command-line/given';
import { type Query, queryOf } from '../fleet/services';
import { moment, pretty, table } from '../output/table';
import type { Session } from '../session';
import { cellsOf, fatesOf, HEADER, isBad, Message } from './message';

const Page = z.looseObject({
  messages: z.array(Message),
  next: z.string().optional(),
  through: z.string().optional(),
});
const Trace = z.looseObject({
  spans: z.array(
    z.looseObject({
      id: z.string(),
      parent: z.string().nullable(),
      name: z.string(),
      service: z.string(),
      started: z.number(),
      took: z.number(),
      failed: z.boolean(),
    }),
  ),
  messages: z.array(Message),
});
const Store = z.looseObject({
  kept: z.looseObject({ hours: z.number(), bytes: z.number() }),
  bytes: z.number(),
  since: z.string().optional(),
  received: z.number(),
  dropped: z.number(),
  droppedBySenders: z.number(),
});

const FILTER = {
  text: {
    type: 'string',
    value: 'WORDS',
    help: 'whose body has all of these words, or their beginnings',
  },
  key: { type: 'string', value: 'KEY', help: 'of this lane: an order, a customer' },
  correlation: { type: 'string', value: 'ID', help: 'of this conversation' },
  contract: { type: 'string', value: 'NAME', help: 'of this contract' },
  kind: {
    type: 'string',
    value: 'KIND',
    help: 'of this kind',
    choices: ['call', 'command', 'broadcast', 'event'],
  },
  service: { type: 'string', value: 'S', help: 'that this service sent or handled' },
  outcome: {
    type: 'string',
    value: 'OUTCOME',
    help: 'with such a handling',
    choices: ['done', 'duplicate', 'retry', 'dead', 'parked'],
  },
  error: { type: 'string', value: 'CLASS', help: 'that failed with this class of error' },
  from: { type: 'string', value: 'TIME', help: 'sent since then, or so long ago: 2h' },
  to: { type: 'string', value: 'TIME', help: 'sent before' },
} as const;

type Asked = Given<keyof typeof FILTER | 'limit' | 'follow' | 'after'>;

const NONE = 'No message that is kept fits; one that nobody has handled yet is in the backlog.';
const FOLLOW_EVERY_MS = 1_000;
/** Messages that were printed and are not printed again. */
const MOST_KNOWN = 2_000;

const list = command({
  name: 'list',
  summary: 'a search, the last sent first; --follow: the last ones as they come',
  options: {
    ...FILTER,
    limit: { type: 'string', value: 'N', help: 'at most', default: '50' },
    after: { type: 'string', value: 'PLACE', help: 'where an earlier list ended' },
    follow: { type: 'boolean', help: 'prints what comes, until Ctrl-C' },
  },
  notes:
    'The console keeps what services send to it: those that run with MESSAGES_ENDPOINT (npm start -- --messages).\nGive its address by CONSOLE_URL.',
  run: (given, session) => (given.flag('follow') ? follow(given, session) : search(given, session)),
});

async function search(given: Asked, session: Session): Promise<Report> {
  const { messages, next, through } = await pageOf(given, session);
  const text = [messages.length === 0 ? NONE : table(HEADER, messages.map(cellsOf))];
  if (next !== undefined) text.push(`older ones, before ${moment(through)}: --after '${next}'`);
  return { json: { messages, next, through }, text: text.join('\n') };
}

async function follow(given: Asked, session: Session): Promise<Report> {
  const { terminal } = session;
  const known = new Set<string>();
  let isOver = false;
  const forget = terminal.onStop(() => {
    isOver = true;
  });
  try {
    while (!isOver) {
      const { messages } = await pageOf(given, session);
      const fresh = messages.filter((one) => !known.has(printedOf(one)));
      for (const one of [...fresh].reverse()) {
        terminal.print(given.flag('json') ? JSON.stringify(one) : cellsOf(one).join('  '));
        known.add(printedOf(one));
      }
      for (const oldest of known) if (known.size > MOST_KNOWN) known.delete(oldest);
      await sleep(FOLLOW_EVERY_MS);
    }
  } finally {
    forget();
  }
  return { json: [], text: '' };
}

/** It is printed again when it was handled again. */
const printedOf = ({ id, handlings }: Message): string => `${id} ${handlings.length}`;

const pageOf = (given: Asked, { consoles }: Session): Promise<z.infer<typeof Page>> => {
  const query: Query = {
    ...Object.fromEntries(
      (
        [
          'text',
          'key',
          'correlation',
          'contract',
          'kind',
          'service',
          'outcome',
          'error',
          'after',
        ] as const
      ).map((name) => [name, given.text(name)]),
    ),
    from: given.time('from'),
    to: given.time('to'),
    limit: given.number('limit', 1, 500),
  };
  return consoles.one('console', `/api/messages${queryOf(query)}`, Page);
};

const show = command({
  name: 'show',
  summary: 'one message: its headers, its body, and each of its handlings',
  parameters: '<id>',
  words: [1, 1],
  options: {},
  async run({ words: [id = ''] }, { consoles, paint }) {
    const message = await consoles.one(
      'console',
      `/api/messages/${encodeURIComponent(id)}`,
      Message,
    );
    const { contract, kind, sent, source, instance, build, headers, body, handlings } = message;
    const known = {
      key: message.key,
      conversation: message.correlation,
      cause: message.causation,
      trace: message.trace,
      ...headers,
    };
    const text = [
      `${paint('cyan', contract)}  ${kind}, sent ${moment(sent)} by ${[source, instance, build].filter(Boolean).join(', ')}`,
      ...Object.entries(known).flatMap(([name, value]) =>
        value === null ? [] : [`${name}: ${value}`],
      ),
      '── handlings',
      table(
        [
          'ended',
          'subscription',
          'outcome',
          'delivery',
          'tries',
          'waited',
          'took',
          'by',
          'failure',
        ],
        handlings.map((one) => [
          moment(one.at),
          one.subscription,
          isBad(one) ? paint('yellow', one.outcome) : one.outcome,
          one.attempt,
          one.tries,
          `${Math.round(one.waited)} ms`,
          `${Math.round(one.took)} ms`,
          [one.instance, one.build].filter(Boolean).join(', '),
          one.error === null ? '' : `${one.error}: ${one.reason ?? ''}`,
        ]),
      ),
      '── body',
      body === null ? 'it was not sent to the console' : pretty(body),
    ];
    return { json: message, text: text.join('\n'), isWell: !handlings.some(isBad) };
  },
});

const conversation = command({
  name: 'conversation',
  summary: 'what led to what: all messages that follow from one request',
  parameters: '<correlation>',
  words: [1, 1],
  options: {},
  async run({ words: [correlation = ''] }, { consoles }) {
    const path = `/api/conversations/${encodeURIComponent(correlation)}`;
    const messages = await consoles.one('console', path, z.array(Message));
    return { json: messages, text: messages.length === 0 ? NONE : treeOf(messages) };
  },
});

/** Each message below the one whose handling sent it. */
function treeOf(messages: readonly Message[]): string {
  const ids = new Set(messages.map(({ id }) => id));
  const seen = new Set<string>();
  const lines: string[] = [];
  const add = (message: Message, depth: number): void => {
    if (seen.has(message.id)) return;
    seen.add(message.id);
    const { contract, source, id } = message;
    lines.push(
      `${'  '.repeat(depth)}${contract}  by ${source}  ${fatesOf(message).join(', ')}  ${id}`,
    );
    for (const effect of messages) if (effect.causation === id) add(effect, depth + 1);
  };
  for (const message of messages)
    if (message.causation === null || !ids.has(message.causation)) add(message, 0);
  for (const message of messages) add(message, 0); // forged ids may form a ring
  return lines.join('\n');
}

const trace = command({
  name: 'trace',
  summary: 'one trace: its spans, or the handlings of its messages where none were exported here',
  parameters: '<trace id>',
  words: [1, 1],
  options: {},
  async run({ words: [id = ''] }, { consoles }) {
    const found = await consoles.one('console', `/api/traces/${encodeURIComponent(id)}`, Trace);
    const { spans, messages } = found;
    if (spans.length === 0)
      return {
        json: found,
        text: messages.length === 0 ? NONE : table(HEADER, messages.map(cellsOf)),
      };
    const began = Math.min(...spans.map(({ started }) => started));
    const ms = (microseconds: number) => `${(microseconds / 1_000).toFixed(1)} ms`;
    const rows = spans.map(({ name, service, started, took, failed }) => [
      ...[ms(started - began), ms(took), service, name, failed ? 'failed' : ''],
    ]);
    return { json: found, text: table(['after', 'took', 'service', 'span', ''], rows) };
  },
});

const store = command({
  name: 'store',
  summary: 'what the console keeps: since when, how much, and what it had to leave out',
  options: {},
  async run(_, { consoles }) {
    const found = await consoles.one('console', '/api/messages/store', Store);
    const { kept, bytes, since, received, dropped, droppedBySenders } = found;
    const mb = (number: number) => `${Math.round(number / 1_048_576)} MB`;
    const text = [
      `${mb(bytes)} of ${mb(kept.bytes)}, since ${moment(since)}; ${kept.hours} h are kept at most`,
      `since the console started: ${received} arrived, ${dropped} were dropped; ${droppedBySenders} were dropped by their services`,
    ];
    return { json: found, text: text.join('\n'), isWell: dropped === 0 && droppedBySenders === 0 };
  },
});

/** Messages that were handled, as the console keeps them. */
export const messages: CommandGroup = {
  name: 'messages',
  summary: 'messages that were handled: list, show, conversation, trace, store',
  commands: [list, show, conversation, trace, store],
};
