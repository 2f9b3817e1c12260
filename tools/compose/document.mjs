// docker/compose.yaml, from topology.ts.
import { URL_VARIABLES } from '../topology/technologies.mjs';
import { brokerNames, brokers, brokerVolumes } from './brokers.mjs';
import { observability, observabilityVolumes } from './observability.mjs';
import { CALLS, fileVolumes, processes } from './processes.mjs';
import { install, postgres } from './stores.mjs';
import { BUILD, indented, optional, required } from './variables.mjs';

/**
 * Work under way may take the first on a stop; the second leaves the outbox, the technologies and
 * the database time to close.
 */
const DRAIN_TIMEOUT = '10s';
const STOP_GRACE = '20s';

const technologies = () =>
  URL_VARIABLES.map((variable) => `${variable}: ${optional(`PARLEY_${variable}`)}`);

const volumes = () => ['postgres', ...brokerVolumes(), ...observabilityVolumes(), ...fileVolumes()];

const awaitedBrokers = () =>
  brokerNames().map((name) => `${name}: { condition: service_healthy, required: false }`);

const containers = () => [postgres(), install(), ...processes(), ...brokers(), observability()];

export const composeYaml =
  () => `# Made by npm run compose from topology.ts: change it there, or in tools/compose. Passwords are in .env, which is made, too.
# Containers with a profile run when .env names it.
#   npm run compose && docker compose -f docker/compose.yaml build && docker compose -f docker/compose.yaml up --wait
name: parley

x-service: &service
  image: parley:${BUILD}
  pull_policy: never # \`install\` builds it for everybody
  restart: unless-stopped
  stop_grace_period: ${STOP_GRACE}
  read_only: true
  tmpfs: [/tmp]
  cap_drop: [ALL]
  security_opt: ['no-new-privileges:true']
  logging: &logging { driver: local } # bounded
  healthcheck: # the image's own asks for liveness; who waits here wants to know whether work is taken
    test: [CMD, node, docker/healthy.mjs, ready]
    interval: 5s
    timeout: 3s
    start_period: 60s
    retries: 6

x-environment: &environment
  CALLS_URL: grpc://{owner}:${CALLS}
  # Empty: PostgreSQL carries that kind; a contract that has a variable goes with its kind.
${indented(technologies(), 2)}
  OTEL_EXPORTER_OTLP_ENDPOINT: ${optional('PARLEY_TRACES_URL')}
  LOG_LEVEL: ${optional('PARLEY_LOG_LEVEL', 'info')}
  OPERATIONS_TOKEN: ${required('OPERATIONS_TOKEN')}
  DRAIN_TIMEOUT: ${DRAIN_TIMEOUT}

x-stores: &stores
  install: { condition: service_completed_successfully }
${indented(awaitedBrokers(), 2)}

services:
${containers().join('\n\n')}

volumes:
${volumes()
  .map((name) => `  ${name}:`)
  .join('\n')}
`;
