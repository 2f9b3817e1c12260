// npm run parley -- overdue: handlers that are over their timeout and still running.
import { table } from '../terminal/progress.mjs';
import { read } from './arguments.mjs';
import { ConsoleApi } from './console-api.mjs';
import { answered } from './dead-letters-list.mjs';

const HELP = `npm run parley -- overdue [--json]

Lists the handlers that are over their timeout and still running, the oldest of each instance first. One that was ended has given up its
message, which is delivered again or dead; its code still runs, and only a restart of the instance is rid of it.`;

export async function run(args) {
  const asked = read(args, { help: HELP });
  if (!asked) return;
  const rows = answered(await new ConsoleApi().get('overdue')).flatMap(({ service, url, items }) =>
    items.map((one) => ({ service, url, ...one })),
  );
  if (asked.json) return console.log(JSON.stringify(rows, null, 2));
  if (rows.length === 0) return console.log('No handler is over its timeout.');
  const cells = rows.map(({ service, url, contract, id, handler, age, ended }) => [
    service,
    url,
    contract,
    id,
    handler,
    `${Math.round(age / 1_000)} s`,
    ended ? 'ended' : '',
  ]);
  console.log(table(['service', 'instance', 'contract', 'message', 'handler', 'age', ''], cells));
}
