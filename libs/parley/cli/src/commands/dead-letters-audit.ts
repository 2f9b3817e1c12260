import { z } from 'zod';
import { command } from '../command-line/command';
import { letterName } from '../command-line/values';
import { queryOf } from '../fleet/services';
import { clip, moment, table } from '../output/table';

const Entries = z.looseObject({
  entries: z.array(
    z.looseObject({
      at: z.string(),
      who: z.string(),
      action: z.string(),
      letter: z.string(),
      outcome: z.string().optional(),
      became: z.string().optional(),
      subscription: z.string().optional(),
      reason: z.string().optional(),
    }),
  ),
});

export const audit = command({
  name: 'audit',
  summary: 'the actions of operators on letters, and their results',
  options: {
    letter: { type: 'string', value: 'L', help: 'about one: orders/12' },
    service: { type: 'string', value: 'S', help: 'of this service' },
    who: { type: 'string', value: 'NAME', help: 'by this operator' },
    limit: { type: 'string', value: 'N', help: 'of each service, the latest first', default: '50' },
  },
  async run(given, { services }) {
    const letter = given.text('letter');
    const about = letter === undefined ? undefined : letterName(letter);
    const query = {
      letter: about?.id,
      who: given.text('who'),
      limit: given.number('limit', 1, 1_000),
    };
    const path = `/operations/dead-letters/audit${queryOf(query)}`;
    const replies = await services.each(path, Entries, about?.service ?? given.text('service'));
    const rows = replies
      .flatMap(({ service, body }) =>
        body.entries.map(
          ({ at, who, action, letter: id, outcome, became, subscription, reason }) => ({
            ...{ at, who, action, letter: `${service}/${id}`, service },
            ...{ outcome: became ?? outcome, subscription, reason },
          }),
        ),
      )
      .sort((a, b) => (a.at < b.at ? 1 : -1));
    if (rows.length === 0) return { json: rows, text: 'Nothing was done to any dead letter.' };
    const text = table(
      ['when', 'who', 'action', 'letter', 'outcome', 'subscription', 'reason'],
      rows.map((row) => [
        moment(row.at),
        row.who,
        row.action,
        row.letter,
        clip(row.outcome ?? '', 60),
        row.subscription,
        row.reason,
      ]),
    );
    return { json: rows, text };
  },
});
