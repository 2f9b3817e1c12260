// The technologies that `--on` knows: what each can carry, and where it is unless its variable says
// otherwise.
const local = (scheme, port, user = '') => `${scheme}://${user}127.0.0.1:${port}`;

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

const KINDS = ['COMMANDS', 'BROADCASTS', 'EVENTS'];

export const urlOf = (name) => process.env[TECHNOLOGIES[name].from] || TECHNOLOGIES[name].url;

/**
 * Of several that can carry a kind, the one that can do the least else: of `rabbitmq,kafka,redis`
 * each gets what it is best at.
 */
function carrierOf(kind, technologies) {
  const able = technologies.filter((name) => TECHNOLOGIES[name].carries.includes(kind));
  return able.sort((a, b) => TECHNOLOGIES[a].carries.length - TECHNOLOGIES[b].carries.length)[0];
}

/**
 * The variables that make the system use these technologies. What none of them carries stays with
 * PostgreSQL.
 */
export function technologyUrls(technologies) {
  const kinds = KINDS.map((kind) => [`${kind}_URL`, carrierOf(kind, technologies)]).filter(
    ([, name]) => name,
  );
  const contracts = technologies.flatMap((name) =>
    (TECHNOLOGIES[name].contracts ?? []).map((variable) => [variable, name]),
  );
  return Object.fromEntries(
    [...kinds, ...contracts].map(([variable, name]) => [variable, urlOf(name)]),
  );
}
