// The technologies that `--on` knows: what each can carry, and where it is unless its variable says
// otherwise.

/** @typedef {'COMMANDS' | 'BROADCASTS' | 'EVENTS'} Carried */

/**
 * @typedef {object} Technology
 * @property {Carried[]} carries kinds of messages, as in the names of the variables
 * @property {string[]} [contracts] variables of single contracts
 * @property {string} from the variable that says where it is
 * @property {string} url where it is otherwise
 */

/**
 * @param {string} scheme
 * @param {number} port
 * @param {string} [user]
 */
const local = (scheme, port, user = '') => `${scheme}://${user}127.0.0.1:${port}`;

/**
 * Technologies of calls. They need no broker; the first one that is named carries the calls. TCP is
 * not among them: it carries no streams, and orders answers one.
 */
export const CALL_TECHNOLOGIES = ['grpc', 'http'];

/** @type {Record<string, Technology>} */
export const TECHNOLOGIES = {
  rabbitmq: {
    carries: ['COMMANDS', 'BROADCASTS'],
    from: 'RABBITMQ_URL',
    url: local('amqp', 5672, 'guest:guest@'),
  },
  kafka: {
    carries: ['EVENTS', 'COMMANDS', 'BROADCASTS'],
    from: 'KAFKA_URL',
    url: local('kafka', 9092),
  },
  activemq: {
    carries: ['COMMANDS', 'BROADCASTS'],
    from: 'ACTIVEMQ_URL',
    url: local('activemq', 61616, 'admin:admin@'),
  },
  sqs: {
    carries: ['COMMANDS'],
    from: 'SQS_URL',
    url: `${local('sqs', 9324, 'parley:parley@')}?insecure=true`,
  },
  kinesis: {
    carries: ['EVENTS', 'COMMANDS'],
    from: 'KINESIS_URL',
    url: `${local('kinesis', 4567, 'parley:parley@')}?insecure=true`,
  },
  redis: { carries: ['BROADCASTS'], from: 'REDIS_URL', url: local('redis', 6379) },
  // Devices listen there: what is for them goes there, whatever carries the other broadcasts.
  mqtt: {
    carries: [],
    contracts: ['BROADCASTS_URL_SHIPPING_PARCEL_LOCATED'],
    from: 'MQTT_URL',
    url: `${local('mqtt', 1883)}?by=parcelId&retain=true`,
  },
};

/** @type {Carried[]} */
const KINDS = ['COMMANDS', 'BROADCASTS', 'EVENTS'];

/**
 * @param {string} name
 * @throws when `--on` knows no technology of that name
 */
export function technology(name) {
  const known = TECHNOLOGIES[name];
  if (!known) throw new Error(`there is no technology "${name}"`);
  return known;
}

/** @param {string} name */
export function urlOf(name) {
  const { from, url } = technology(name);
  return process.env[from] || url;
}

/**
 * Of several that can carry a kind, the one that can do the least else: of `rabbitmq,kafka,redis`
 * each gets what it is best at.
 * @param {Carried} kind
 * @param {string[]} technologies
 * @returns {string | undefined}
 */
function carrierOf(kind, technologies) {
  const able = technologies.filter((name) => technology(name).carries.includes(kind));
  return able.sort((a, b) => technology(a).carries.length - technology(b).carries.length)[0];
}

/** Every variable that says what carries messages. */
export const URL_VARIABLES = [
  ...KINDS.map((kind) => `${kind}_URL`),
  ...Object.values(TECHNOLOGIES).flatMap(({ contracts = [] }) => contracts),
];

/**
 * The variables that make the system use these technologies. What none of them carries stays with
 * PostgreSQL.
 * @param {string[]} named
 * @param {(name: string) => string} [addressOf] default: on this machine
 * @returns {Record<string, string>}
 */
export function technologyUrls(named, addressOf = urlOf) {
  const technologies = named.filter((name) => !CALL_TECHNOLOGIES.includes(name));
  const kinds = KINDS.flatMap((kind) => {
    const carrier = carrierOf(kind, technologies);
    return carrier ? [[`${kind}_URL`, addressOf(carrier)]] : [];
  });
  const contracts = technologies.flatMap((name) =>
    (technology(name).contracts ?? []).map((variable) => [variable, addressOf(name)]),
  );
  return Object.fromEntries([...kinds, ...contracts]);
}
