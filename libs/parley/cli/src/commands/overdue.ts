import { z } from 'zod';
import { command } from '../command-line/command';
import type { Services } from '../fleet/services';
import { table } from '../output/table';

const Overdue = z.array(
  z.looseObject({
    contract: z.string(),
    id: z.string(),
    subscription: z.string().optional(),
    handler: z.string(),
    age: z.number(),
    ended: z.boolean(),
  }),
);

/** A handler that is over its timeout and still running, as a row of `--json`. */
export interface OverdueRow {
  readonly service: string;
  readonly url: string;
  readonly contract: string;
  readonly subscription?: string;
  readonly message: string;
  readonly handler: string;
  readonly ageMs: number;
  readonly ended: boolean;
}

/** Of all instances, the oldest of each first. */
export async function overdueRows(services: Services): Promise<readonly OverdueRow[]> {
  const replies = await services.all('/operations/overdue', Overdue);
  return replies.flatMap(({ service, url, body }) =>
    body.map(({ contract, subscription, id, handler, age, ended }) => ({
      ...{ service, url, contract, subscription, message: id, handler, ageMs: age, ended },
    })),
  );
}

export const overdue = command({
  name: 'overdue',
  summary: 'running handlers that are over their timeout: contract, message, age',
  options: {},
  notes: [
    'A handler that was ended has given up its message, which is delivered again or dead. Its code still runs: only a restart',
    'of the instance ends it. The exit code is 1 when there is one.',
  ].join('\n'),
  async run(_given, { services }) {
    const rows = await overdueRows(services);
    if (rows.length === 0) return { json: rows, text: 'No handler is over its timeout.' };
    const cells = rows.map((row) => [
      row.service,
      row.url,
      row.contract,
      row.message,
      row.handler,
      `${Math.round(row.ageMs / 1_000)} s`,
      row.ended ? 'ended' : '',
    ]);
    const header = ['service', 'instance', 'contract', 'message', 'handler', 'age', ''];
    return { json: rows, text: table(header, cells), isWell: false };
  },
});
