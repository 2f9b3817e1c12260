import { z } from 'zod';
import { command } from '../command-line/command';
import { RefusedError, UsageError } from '../command-line/errors';
import type { Services } from '../fleet/services';
import { table } from '../output/table';

const Concurrency = z.looseObject({
  subscriptions: z.array(
    z.looseObject({ subscription: z.string(), kind: z.string(), concurrency: z.number() }),
  ),
});
const Changed = z.looseObject({ before: z.number(), concurrency: z.number() });

interface Row {
  readonly service: string;
  readonly url: string;
  readonly subscription: string;
  readonly kind?: string;
  readonly concurrency: number;
  readonly before?: number;
}

export const concurrency = command({
  name: 'concurrency',
  summary: 'how many messages every instance handles at the same time; changed while they run',
  parameters: '[<subscription> [<n>]]',
  words: [0, 2],
  options: {
    reason: { type: 'string', value: 'TEXT', help: 'for the log' },
    as: { type: 'string', value: 'NAME', help: 'who you are; default: your login' },
  },
  notes: [
    'concurrency insights.figures 40: in every running instance of insights from now on. Running handlings are finished first.',
    'An instance that starts later begins with its CONCURRENCY.',
  ].join('\n'),
  async run(given, { services }) {
    const [subscription, text] = given.words;
    const rows =
      subscription === undefined || text === undefined
        ? await list(services, subscription)
        : await change(services, subscription, whole(text), given.text('reason'));
    const cells = rows.map((row) => [
      row.subscription,
      row.kind,
      row.url,
      row.concurrency,
      row.before,
    ]);
    const header = ['subscription', 'kind', 'instance', 'at a time', 'before'];
    return { json: rows, text: table(header, cells) };
  },
});

async function list(services: Services, subscription?: string): Promise<readonly Row[]> {
  const path = '/operations/concurrency';
  const replies = await services.all(path, Concurrency, subscription && ownerOf(subscription));
  const rows = replies.flatMap(({ service, url, body }) =>
    body.subscriptions
      .filter((one) => (subscription ?? one.subscription) === one.subscription)
      .map((one) => ({
        ...{ service, url, subscription: one.subscription, kind: one.kind },
        concurrency: one.concurrency,
      })),
  );
  if (subscription !== undefined && rows.length === 0)
    throw new RefusedError(`There is no subscription ${subscription}.`);
  return rows;
}

async function change(
  services: Services,
  subscription: string,
  wanted: number,
  reason?: string,
): Promise<readonly Row[]> {
  const path = `/operations/concurrency/${encodeURIComponent(subscription)}`;
  const request = { concurrency: wanted, ...(reason !== undefined && { reason }) };
  const replies = await services.changeAll(ownerOf(subscription), path, request, Changed);
  return replies.map(({ service, url, body }) => ({
    ...{ service, url, subscription, concurrency: body.concurrency, before: body.before },
  }));
}

/** `orders.saga` belongs to orders. */
const ownerOf = (subscription: string): string => subscription.split('.', 1)[0] ?? '';

function whole(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 1_000) return value;
  throw new UsageError(
    `"${text}" messages at a time cannot be; give a whole number from 1 to 1000.`,
  );
}
