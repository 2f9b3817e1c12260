import { z } from 'zod';
import { command } from '../command-line/command';
import { queryOf } from '../fleet/services';
import { moment, table } from '../output/table';

const Entries = z.looseObject({
  entries: z.array(
    z.looseObject({
      at: z.string(),
      who: z.string(),
      proven: z.boolean(),
      role: z.string().optional(),
      method: z.string(),
      path: z.string(),
      from: z.string(),
      status: z.number(),
    }),
  ),
});

export const audit = command({
  name: 'audit',
  summary: 'the changes that operators asked for: who, what, from where, with which result',
  options: {
    service: { type: 'string', value: 'S', help: 'of this service' },
    who: { type: 'string', value: 'NAME', help: 'by this operator, as the table names them' },
    limit: {
      type: 'string',
      value: 'N',
      help: 'of each instance, the latest first',
      default: '50',
    },
  },
  notes: [
    'Each instance tells what it was asked since it started, 1,000 changes at most; its log has all of them, as lines with a',
    'field "audit". A name with "(claimed)" came with the token of operations, and nobody verified it.',
  ].join('\n'),
  async run(given, { services }) {
    const query = queryOf({ who: given.text('who'), limit: given.number('limit', 1, 1_000) });
    const replies = await services.all(`/operations/audit${query}`, Entries, given.text('service'));
    const rows = replies
      .flatMap(({ service, url, body }) =>
        body.entries.map(({ at, who, proven, role, method, path, from, status }) => ({
          ...{ at, who, proven, role, service, instance: url, method, path, from, status },
        })),
      )
      .sort((a, b) => (a.at < b.at ? 1 : -1));
    if (rows.length === 0) return { json: rows, text: 'No operator asked for a change.' };
    const cells = rows.map((row) => [
      moment(row.at),
      row.who,
      row.service,
      `${row.method} ${row.path}`,
      row.status,
      row.from,
    ]);
    return { json: rows, text: table(['when', 'who', 'service', 'what', 'result', 'from'], cells) };
  },
});
