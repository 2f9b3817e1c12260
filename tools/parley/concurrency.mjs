// npm run parley -- concurrency: how many messages every instance handles at the same time, and how
// to change it while they run.
import { paint } from '../terminal/colours.mjs';
import { table } from '../terminal/progress.mjs';
import { read, Usage } from './arguments.mjs';
import { ConsoleApi, Refusal } from './console-api.mjs';

const HELP = `npm run parley -- concurrency [<subscription> <n>] [options]

  npm run parley -- concurrency                                how many each instance handles at the same time
  npm run parley -- concurrency insights.figures 40            in every instance of insights from now on

  --reason TEXT      for the log
  --as NAME          who you are (default: your login)
  --json
At once: what runs is finished, and nothing is lost. An instance that starts later begins with its CONCURRENCY.`;

const OPTIONS = { reason: { type: 'string' }, as: { type: 'string' } };

export async function run(args) {
  const asked = read(args, { help: HELP, options: OPTIONS, positionals: [0, 2] });
  if (!asked) return;
  const [subscription, text] = asked.given;
  const rows =
    text === undefined
      ? await list(subscription, asked)
      : await change(subscription, whole(text), asked);
  if (asked.json) return console.log(JSON.stringify(rows, null, 2));
  for (const { service, url, error } of rows.filter(({ error }) => error !== undefined))
    console.error(paint('red', `${service} at ${url} does not answer: ${error.message ?? error}`));
  const answered = rows.filter(({ error }) => error === undefined);
  console.log(
    table(
      ['subscription', 'kind', 'instance', 'at a time', 'before'],
      answered.map(({ subscription, kind, url, concurrency, before }) => [
        subscription,
        kind ?? '',
        url,
        concurrency,
        before ?? '',
      ]),
    ),
  );
  if (answered.length < rows.length) process.exitCode = 1;
}

async function list(subscription, { as }) {
  const answers = await new ConsoleApi(as).get('concurrency', {
    service: subscription?.split('.')[0],
  });
  const rows = answers.flatMap(({ service, url, error, subscriptions = [] }) =>
    error === undefined
      ? subscriptions.map((one) => ({ service, url, ...one }))
      : [{ service, url, error }],
  );
  const found = rows.filter(
    (row) =>
      subscription === undefined || row.error !== undefined || row.subscription === subscription,
  );
  if (found.length === 0) throw new Refusal(`There is no subscription ${subscription}.`);
  return found;
}

async function change(subscription, concurrency, { reason, as }) {
  const { instances } = await new ConsoleApi(as).post(
    `concurrency/${encodeURIComponent(subscription)}`,
    { concurrency, ...(reason && { reason }) },
  );
  return instances;
}

function whole(text) {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 1_000) return value;
  throw new Usage(
    `"${text}" messages at a time cannot be; say a whole number from 1 to 1000.`,
    HELP,
  );
}
