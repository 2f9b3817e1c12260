// npm run parley -- status: how each instance and each subscription is, and what needs a person.
import { paint } from '../terminal/colours.mjs';
import { table } from '../terminal/progress.mjs';
import { read } from './arguments.mjs';
import { ConsoleApi } from './console-api.mjs';
import { answered } from './dead-letters-list.mjs';

const HELP = `npm run parley -- status [--json]

Lists every subscription: messages that wait, are parked behind another of their key, are delayed until a time, or are dead, and whether
it is paused and why. Ends with what needs a person: instances that are not ready, pauses, dead letters. Exits with 1 when something does.`;

export async function run(args) {
  const asked = read(args, { help: HELP });
  if (!asked) return;
  const api = new ConsoleApi();
  const [instances, backlog] = await Promise.all([api.get('services'), api.get('backlog')]);
  const paused = pausesOf(instances);
  const rows = answered(backlog, asked).flatMap(({ service, items = [] }) =>
    items.map((one) => ({ service, ...one, paused: paused.get(one.subscription) })),
  );
  const needs = [...notReady(instances), ...pauses(paused), ...dead(rows)];
  if (needs.length > 0) process.exitCode = 1;
  if (asked.json) return console.log(JSON.stringify(rows, null, 2));
  const ready = instances.filter((one) => one.ready).length;
  console.log(`${ready} of ${instances.length} instances are ready.\n`);
  const cells = ({ subscription, waiting, parked, delayed, dead, paused }) => [
    subscription, waiting, parked, delayed, dead, paused === undefined ? '' : paint('yellow', 'paused'),
  ]; // prettier-ignore
  console.log(table(['subscription', 'waiting', 'parked', 'delayed', 'dead', ''], rows.map(cells)));
  console.log(needs.length === 0 ? '\nNothing needs a person.' : `\nNeeds a person:`);
  for (const need of needs) console.log(`  ${need}`);
}

/** Why each paused subscription is: the reason of the first instance that says so. */
export function pausesOf(instances) {
  const all = instances.flatMap(({ status }) => status?.paused ?? []);
  return new Map(all.reverse().map(({ subscription, reason }) => [subscription, reason]));
}

function notReady(instances) {
  return instances
    .filter(({ ready }) => !ready)
    .map(({ service, url, health }) => `${service} at ${url} is not ready: ${unwell(health)}`);
}

function unwell(health) {
  if (typeof health !== 'object' || health === null) return String(health);
  const down = Object.keys(health.error ?? {});
  return down.length > 0 ? down.join(', ') : (health.message ?? 'it gives no reason');
}

const pauses = (paused) =>
  [...paused].map(([subscription, reason]) => `${subscription} is paused: ${reason}`);

const dead = (rows) =>
  rows
    .filter((row) => row.dead > 0)
    .map(({ subscription, dead }) => `${subscription} has ${dead} dead: parley dead-letters list`);
