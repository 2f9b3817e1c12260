// npm run compose: docker/compose.yaml from topology.ts, and beside it, untracked, docker/.env with
// a password for everybody. What is in .env stays; `-- --on rabbitmq,kafka,redis` says there what
// carries messages, `-- --on postgres` takes it back, and `-- --observe yes` whether figures and
// traces are shown, too. `-- --print` only shows the YAML.
import fs from 'node:fs';
import { commandLine } from '../terminal/command-line.mjs';
import { topology } from '../topology/topology.mjs';
import { brokerNames } from './brokers.mjs';
import { composeYaml } from './document.mjs';
import { writeEnv } from './environment-file.mjs';

const YAML = 'docker/compose.yaml';
const ENV = 'docker/.env';
const KNOWN = ['postgres', ...brokerNames()];

const HELP = `npm run compose [-- options]      writes docker/compose.yaml from topology.ts, and docker/.env with a password for each role

  --on a,b     what carries messages: ${KNOWN.join(', ')};
               several share the kinds as npm start -- --on shares them; kept in .env until said otherwise
  --observe X  yes: Prometheus, Grafana, a collector and Jaeger run, too; no: they do not; kept in .env until said otherwise
  --env FILE   the passwords into this file instead of ${ENV}, and nothing else is written
  --print      prints the YAML and writes nothing
  --help`;

/**
 * @param {string} sentence
 * @returns {never}
 */
function refuse(sentence) {
  console.error(sentence);
  process.exit(1);
}

/**
 * @param {{ on?: string }} options
 * @returns {string[] | undefined}
 */
function chosen({ on }) {
  const names = on?.split(',').filter(Boolean);
  const unknown = names?.find((name) => !KNOWN.includes(name));
  if (!unknown) return names;
  return refuse(`There is no "${unknown}" in compose.yaml: it is one of ${KNOWN.join(', ')}.`);
}

/** @param {{ observe?: string }} options */
function observed({ observe }) {
  if (observe === undefined) return undefined;
  if (observe === 'yes' || observe === 'no') return observe === 'yes';
  return refuse(`--observe is yes or no, not "${observe}".`);
}

const { values } = commandLine(HELP, {
  options: {
    on: { type: 'string' },
    observe: { type: 'string' },
    env: { type: 'string' },
    print: { type: 'boolean' },
  },
});
if (values.print) {
  process.stdout.write(composeYaml());
} else {
  const wishes = { on: chosen(values), observe: observed(values) };
  if (values.env === undefined) {
    fs.writeFileSync(YAML, composeYaml());
    console.log(`${YAML}: ${topology.length} processes`);
  }
  console.log(writeEnv(values.env ?? ENV, wishes));
}
