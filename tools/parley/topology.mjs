// npm run parley -- topology: what must exist at the technologies for what the services say and
// handle.
import { stringify } from 'yaml';
import { read } from './arguments.mjs';
import { ConsoleApi } from './console-api.mjs';
import { answered } from './dead-letters-list.mjs';
import { byTechnology } from './technologies.mjs';

const HELP = `npm run parley -- topology [--json]

Every queue, topic, stream and channel that the services that run need, by technology, as a manifest in YAML. They make
them when they start; with PARLEY_TOPOLOGY=verify they only look, and refuse to start when one is missing or different:
then this is what somebody else has to make.`;

export async function run(args) {
  const asked = read(args, { help: HELP });
  if (!asked) return;
  const technologies = byTechnology(
    answered(await new ConsoleApi().get('topology')),
    'resources',
  ).map(manifest);
  console.log(
    asked.json ? JSON.stringify(technologies, null, 2) : stringify(technologies).trimEnd(),
  );
}

function manifest({ technology, address, services, resources }) {
  const sorted = resources.sort((a, b) =>
    `${a.what} ${a.name}`.localeCompare(`${b.what} ${b.name}`),
  );
  return {
    technology,
    address,
    services: services.sort(),
    resources: sorted.map(({ what, name, settings }) => ({ [what]: name, ...settings })),
  };
}
