// npm run parley -- doctor: whether what the technologies confirm would survive their crash.
import { paint } from '../terminal/colours.mjs';
import { read } from './arguments.mjs';
import { ConsoleApi } from './console-api.mjs';
import { answered } from './dead-letters-list.mjs';
import { byTechnology } from './technologies.mjs';

const HELP = `npm run parley -- doctor [--json]

Looks at each technology's settings on which the durability of messages depends, through the services that are connected to
it, and says what is unsafe and what to set. Exits with 1 when something is.`;

const SHOWN = { safe: ['green', '✓'], unsafe: ['red', '✗'], unknown: ['yellow', '?'] };

export async function run(args) {
  const asked = read(args, { help: HELP });
  if (!asked) return;
  const technologies = byTechnology(answered(await new ConsoleApi().get('doctor')), 'findings');
  const unsafe = technologies
    .flatMap(({ findings }) => findings)
    .filter(({ verdict }) => verdict === 'unsafe').length;
  if (unsafe > 0) process.exitCode = 1;
  if (asked.json) return console.log(JSON.stringify(technologies, null, 2));
  for (const technology of technologies) console.log(described(technology));
  console.log(unsafe === 0 ? 'Nothing unsafe was found.' : paint('red', `${unsafe} unsafe.`));
}

function described({ technology, address, services, findings }) {
  const lines = findings.map(({ what, verdict, says }) => {
    const [colour, mark] = SHOWN[verdict];
    return `  ${paint(colour, mark)} ${what}\n    ${says}`;
  });
  return [
    `${paint('cyan', technology)} at ${address}, used by ${services.sort().join(', ')}`,
    ...(lines.length > 0 ? lines : ['  nothing to look at']),
    '',
  ].join('\n');
}
