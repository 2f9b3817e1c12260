// Which promises a run of `npm test` did not try, and how to try them: said at its end, so that
// green is not taken for more than it is.
import fs from 'node:fs';

const PROMISES = 'libs/parley/conformance/src/guarantees.ts';
/** By technology, the variable without which its specs are skipped. */
const BROKERS = {
  activemq: 'ACTIVEMQ_URL',
  kafka: 'KAFKA_URL',
  kinesis: 'KINESIS_URL',
  mqtt: 'MQTT_URL',
  rabbitmq: 'RABBITMQ_URL',
  redis: 'REDIS_URL',
  sqs: 'SQS_URL',
};

/** @returns lines to print; none when everything was tried */
export function untried(env) {
  if (env.CONFORMANCE_REPORT) return [];
  const source = fs.readFileSync(PROMISES, 'utf8');
  const promises = source
    .split(/^ {2}(?=T\d+: \{)/m)
    .slice(1)
    .map((declared) => ({
      id: declared.slice(0, declared.indexOf(':')),
      isFast: declared.includes('fast: true'),
    }));
  const slow = promises.filter(({ isFast }) => !isFast).map(({ id }) => id);
  const away = Object.entries(BROKERS).filter(([, variable]) => !env[variable]).map(([technology]) => technology); // prettier-ignore
  return [
    `Not tried here, for they take longer: ${slow.length} of ${promises.length} promises (${slow.join(' ')}), and PostgreSQL in another database than the service's`,
    ...(away.length > 0
      ? [`Not tried here, for no broker was given: every promise of ${away.join(', ')}`]
      : []),
    'npm run conformance tries all of them; npm run crash, npm run removals, npm run mutants and npm run chaos try the rest',
  ];
}
