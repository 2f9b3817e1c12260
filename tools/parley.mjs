// npm run parley: what people ask of a running system, and tell it. Talks to the console's API.
import path from 'node:path';
import { Refusal } from './parley/console-api.mjs';
import { Usage } from './parley/arguments.mjs';

process.chdir(path.dirname(import.meta.dirname));

const COMMANDS = {
  status: () => import('./parley/status.mjs'),
  'dead-letters': () => import('./parley/dead-letters.mjs'),
  sagas: () => import('./parley/sagas.mjs'),
  overdue: () => import('./parley/overdue.mjs'),
  concurrency: () => import('./parley/concurrency.mjs'),
  erase: () => import('./parley/erase.mjs'),
  explain: () => import('./parley/explain.mjs'),
  topology: () => import('./parley/topology.mjs'),
  doctor: () => import('./parley/doctor.mjs'),
};

const HELP = `npm run parley -- <command> [options]

  status         how every subscription is, and what needs a person
  dead-letters   what no handling helped: list, show, edit, replay, discard, audit
  sagas          where each process of several messages stands, and which are stuck behind a dead letter
  overdue        handlers over their timeout: contract, message, age
  concurrency    how many messages every instance handles at the same time; changed while they run
  erase          makes unreadable what messages say of somebody
  explain        every hop of a contract, from its sender to its handlers, and why
  topology       the queues, topics and streams that must exist, as a manifest
  doctor         whether what the technologies confirm would survive their crash

  <command> --help says more. The system is the one that "npm start" runs here, or the one at CONSOLE_URL.`;

async function main([name, ...rest]) {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help')
    return console.log(HELP);
  if (!Object.hasOwn(COMMANDS, name)) throw new Usage(`There is no command "${name}".`, HELP);
  const { run } = await COMMANDS[name]();
  await run(rest);
}

/** Whoever reads our output may have read enough (`| head`). */
process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1));

main(process.argv.slice(2)).catch((error) => {
  if (error instanceof Usage) console.error(`${error.message}\n\n${error.help}`);
  else console.error(error instanceof Refusal ? error.message : error);
  process.exitCode = error instanceof Usage ? 2 : 1;
});
