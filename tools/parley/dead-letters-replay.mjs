// Putting dead letters back, or throwing them away: one, a group, or all.
import { paint } from '../terminal/colours.mjs';
import { bar, Progress, table } from '../terminal/progress.mjs';
import { letter, number, read, Usage } from './arguments.mjs';
import { ConsoleApi, Refusal } from './console-api.mjs';
import { answered } from './dead-letters-list.mjs';
import { FILTER_HELP, FILTER_OPTIONS, filterOf } from './filter.mjs';

const REPLAY = `npm run parley -- dead-letters replay <service>/<number>… | --group G | --all [options]

  --all              all that fit the options below
${FILTER_HELP}
  --rate N           so many a second (default 10)
  --limit N          no more than N
  --dry-run          only say what each replay would come to
  --reason TEXT      for the audit
  --as NAME          who you are (default: your login)
  --json
Each goes back to its place in its lane and is handled once, also when two people replay it. Ctrl-C stops within a second.`;

const DISCARD = `npm run parley -- dead-letters discard <service>/<number>… | --group G | --all --yes, --reason TEXT [options]

  --reason TEXT      why; it stays in the audit, with the message
  --all              all that fit the options below; takes --yes, too
${FILTER_HELP}
  --rate N           so many a second (default 10)
  --limit N          no more than N
  --as NAME          who you are (default: your login)
  --json
It counts as handled from then on. A lane that waited for it goes on without it.`;

const OPTIONS = {
  ...FILTER_OPTIONS,
  all: { type: 'boolean', default: false },
  rate: { type: 'string', default: '10' },
  limit: { type: 'string' },
  reason: { type: 'string' },
  as: { type: 'string' },
};

export async function replay(args) {
  const asked = read(args, {
    help: REPLAY,
    options: { ...OPTIONS, 'dry-run': { type: 'boolean', default: false } },
    positionals: [0, 1000],
  });
  if (asked) await decide('replay', asked, REPLAY);
}

export async function discard(args) {
  const asked = read(args, {
    help: DISCARD,
    options: { ...OPTIONS, yes: { type: 'boolean', default: false } },
    positionals: [0, 1000],
  });
  if (!asked) return;
  if (!asked.reason?.trim()) throw new Usage('Say why, by --reason.', DISCARD);
  if (asked.all && !asked.yes) throw new Usage('All of them? Say so, by --yes.', DISCARD);
  await decide('discard', asked, DISCARD);
}

async function decide(action, asked, help) {
  const many = asked.all || asked.group !== undefined;
  if (many === asked.given.length > 0)
    throw new Usage(
      many
        ? 'Either letters by name, or --group, or --all.'
        : `Say which: <service>/<number>, --group or --all.`,
      help,
    );
  const api = new ConsoleApi(asked.as);
  if (!many)
    return each(
      action,
      api,
      asked,
      asked.given.map((text) => letter(text, help)),
    );
  const bulk = {
    filter: filterOf(asked, help),
    rate: number('rate', asked.rate, 0.5, 1000, help),
    limit: number('limit', asked.limit, 1, 1e6, help) ?? Infinity,
  };
  const counted = answered(
    await api.get('dead-letters/groups', { ...bulk.filter, service: asked.service }),
    { service: asked.service },
  );
  const services = counted.filter(({ count }) => count > 0);
  if (asked['dry-run']) return dryRuns(api, asked, services, bulk);
  await inBulk(action, api, asked, services, bulk);
}

async function each(action, api, { reason, json, 'dry-run': dryRun }, letters) {
  const outcomes = [];
  for (const { service, id } of letters) {
    const body = { ...(reason && { reason }), ...(dryRun && { dryRun }) };
    const answer = await api
      .post(`dead-letters/${service}/${id}/${action}`, body)
      .catch((error) => {
        if (error instanceof Refusal && error.status === 404) return { refused: error.message };
        throw error;
      });
    outcomes.push({ service, id, ...answer });
  }
  if (outcomes.some(({ refused }) => refused)) process.exitCode = 1;
  if (json) return console.log(JSON.stringify(outcomes, null, 2));
  if (dryRun)
    showPreviews(
      outcomes
        .filter(({ replay }) => replay)
        .map(({ service, replay }) => ({ service, ...replay })),
    );
  for (const { service, id, refused } of outcomes) {
    if (refused) console.error(paint('red', refused));
    else if (!dryRun)
      console.log(`${service}/${id} is ${action === 'replay' ? 'replayed' : 'discarded'}.`);
  }
}

async function dryRuns(api, { json }, services, { filter, limit }) {
  const previews = [];
  for (const { service } of services) {
    const { replays } = await api.post(`dead-letters/${service}/replay`, {
      filter,
      dryRun: true,
      limit: Math.min(1000, limit),
    });
    previews.push(...replays.map((one) => ({ service, ...one })));
  }
  if (json) return console.log(JSON.stringify(previews, null, 2));
  showPreviews(previews);
  const total = Math.min(
    limit,
    services.reduce((sum, { count }) => sum + count, 0),
  );
  if (total > previews.length) console.log(`Those are the oldest of ${total}.`);
}

function showPreviews(previews) {
  if (previews.length === 0) return console.log('There are no dead letters of that kind.');
  const behind = ({ lane }) =>
    lane ? `${lane.held ? 'parked' : 'free'}, ${lane.waiting} behind` : '';
  const row = (one) => [
    `${one.service}/${one.letter}`,
    one.contract,
    one.handler,
    one.expect,
    behind(one),
    one.why,
  ];
  console.log(table(['letter', 'contract', 'handler', 'expect', 'lane', 'why'], previews.map(row)));
  const counts = countsOf(previews);
  console.log(
    `${previews.length} would be replayed: ${counts.map(([expect, n]) => `${n} ${expect}`).join(', ')}. Nothing was changed.`,
  );
}

/**
 * Asks for a second's worth at a time: whoever stops us, or the service, loses nothing and repeats
 * nothing.
 */
async function inBulk(action, api, { reason, json }, services, { filter, rate, limit }) {
  const total = Math.min(
    limit,
    services.reduce((sum, { count }) => sum + count, 0),
  );
  const progress = new Progress();
  const sum = { done: [], gone: [], left: 0, stopped: false };
  const stop = () => (sum.stopped = true);
  process.once('SIGINT', stop);
  for (const { service } of services) {
    for (let upTo, left = Infinity; left > 0 && sum.done.length < limit && !sum.stopped;) {
      const request = {
        filter: { ...filter, ...(upTo && { upTo }) },
        rate,
        limit: Math.min(limit - sum.done.length, 1000),
        ...(reason && { reason }),
      };
      const answer = await api.post(`dead-letters/${service}/${action}`, request);
      ({ upTo, left } = answer);
      for (const id of answer.done) sum.done.push(`${service}/${id}`);
      for (const id of answer.gone) sum.gone.push(`${service}/${id}`);
      if (answer.done.length + answer.gone.length === 0) break;
      if (!json)
        progress.waitFor(
          `${action === 'replay' ? 'replaying' : 'discarding'} ${bar(sum.done.length, total)}`,
        );
      sum.left = left;
    }
  }
  process.off('SIGINT', stop);
  progress.done();
  const others = sum.stopped ? sum.gone.length : total - sum.done.length; // theirs may have been gone before we came to ask
  if (json) console.log(JSON.stringify(sum, null, 2));
  else
    console.log(
      `${sum.done.length} of ${total} ${action === 'replay' ? 'replayed' : 'discarded'}${others > 0 ? `, ${others} by somebody else` : ''}${sum.stopped ? '; stopped' : ''}.`,
    );
  if (sum.stopped) process.exitCode = 130;
}

const countsOf = (previews) =>
  Object.entries(
    previews.reduce(
      (counts, { expect }) => ({ ...counts, [expect]: (counts[expect] ?? 0) + 1 }),
      {},
    ),
  );
