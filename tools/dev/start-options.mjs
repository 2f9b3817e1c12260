// The options of `npm start`.
import { parseArgs } from 'node:util';
import { messageOf, Mistake } from '../terminal/errors.mjs';
import { CALL_TECHNOLOGIES, TECHNOLOGIES } from '../topology/technologies.mjs';
import { PORTS, topology } from '../topology/topology.mjs';

/** `rabbitmq (commands, broadcasts), kafka (…` */
const able = () =>
  Object.entries(TECHNOLOGIES)
    .map(
      ([name, { carries }]) =>
        `${name} (${carries.length > 0 ? carries.join(', ').toLowerCase() : 'what is for devices'})`,
    )
    .concat(`${CALL_TECHNOLOGIES.join(' or ')} (calls)`)
    .join(', ');

export const HELP = `npm start [-- options]      starts the whole system on this machine

  --scale inventory=3,orders=2   more than one instance of a service (at most ${PORTS.slots})
  --on rabbitmq,kafka,redis      what carries messages instead of PostgreSQL, each what it is best at:
                                 ${able()}
                                 (npm run brokers starts them; at 127.0.0.1, or where RABBITMQ_URL, KAFKA_URL … say)
  --only orders,catalog          these processes only
  --auth                         with log-ins: an identity provider with two customers and two operators, whose
                                 passwords are printed; npm run login gets a token
  --tls                          calls by mutual TLS, with a certificate for each service (.data/tls), and only those
                                 that topology.ts names
  --messages                     the console keeps the messages that are handled, and 1 of 20 traces; costs CPU
  --help                         this

While it runs, "npm run parley -- scale inventory=3" adds or removes instances, and "npm run parley -- restart inventory"
replaces each one.

Environment: PARLEY_PORT (${PORTS.base}) the first port, PARLEY_POSTGRES_PORT (${PORTS.postgres}), LOG_LEVEL (info), and
COMMANDS_URL, BROADCASTS_URL, EVENTS_URL, MAIL_URL, PAYMENT_PROVIDER_URL: yours win over what is computed here.
OTEL_EXPORTER_OTLP_ENDPOINT: traces go to your collector.
PARLEY_NODE_FLAGS: more flags for Node in every service, for example --cpu-prof.
`;

/** @type {string[]} */
const names = topology.map(({ name }) => name);
/** @param {string[]} [values] */
const list = (values = []) => values.flatMap((value) => value.split(',')).filter(Boolean);

/**
 * @param {string} name
 * @param {readonly string[]} all
 * @param {string} what
 * @throws {Mistake}
 */
export function known(name, all, what) {
  if (all.includes(name)) return name;
  throw new Mistake(`There is no ${what} "${name}": it is one of ${all.join(', ')}.`);
}

/**
 * Reads `catalog=3,orders=2`.
 * @param {string[] | undefined} values
 * @param {readonly string[]} services that may be named
 * @param {string} word what was typed before them
 * @returns {Record<string, number>}
 * @throws {Mistake}
 */
export function scaleOf(values, services, word) {
  return Object.fromEntries(
    list(values).map((pair) => {
      const [name = '', count = ''] = pair.split('=');
      known(name, services, 'service');
      if (!/^\d+$/.test(count) || Number(count) < 1 || Number(count) > PORTS.slots)
        throw new Mistake(`${word} ${pair}: say ${name}=1 to ${name}=${PORTS.slots}.`);
      return [name, Number(count)];
    }),
  );
}

/** @param {string[]} argv */
function parse(argv) {
  const text = /** @type {const} */ ({ type: 'string', multiple: true });
  try {
    return parseArgs({
      args: argv,
      options: {
        scale: text,
        on: text,
        only: text,
        auth: { type: 'boolean' },
        tls: { type: 'boolean' },
        messages: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw new Mistake(`${messageOf(error).split('.')[0]}. See npm start -- --help.`);
  }
}

/** @param {string[]} argv */
export function startOptions(argv) {
  const { scale, on, only, auth = false, tls = false, messages = false, help } = parse(argv);
  return {
    help,
    auth,
    tls,
    messages,
    scale: scaleOf(scale, names, '--scale'),
    technologies: list(on).map((name) =>
      known(name, [...Object.keys(TECHNOLOGIES), ...CALL_TECHNOLOGIES], 'technology'),
    ),
    only: list(only).map((name) => known(name, names, 'service')),
  };
}
