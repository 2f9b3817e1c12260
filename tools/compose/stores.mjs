// PostgreSQL, and the container that installs what the services need in it.
import { passwordVariable, roles } from '../database/database.mjs';
import { BUILD, databaseUrl, indented, passwordOf } from './variables.mjs';

export const postgres = () => `  postgres:
    image: postgres:18
    command: [postgres, -c, config_file=/etc/postgresql/postgresql.conf]
    environment:
      POSTGRES_USER: parley
      POSTGRES_DB: parley
      POSTGRES_PASSWORD: ${passwordOf('postgres')}
    volumes: ['postgres:/var/lib/postgresql', './postgresql.conf:/etc/postgresql/postgresql.conf:ro']
    restart: unless-stopped
    stop_grace_period: 60s
    shm_size: 256mb
    logging: *logging
    healthcheck: # by TCP: while it makes its first data, it listens on its socket only
      test: [CMD, pg_isready, -h, 127.0.0.1, -U, parley, -d, parley]
      interval: 2s
      timeout: 3s
      retries: 30`;

const installEnvironment = () => [
  `INSTALL_URL: ${databaseUrl('parley', 'postgres')}`,
  ...roles().map((role) => `${passwordVariable(role)}: ${passwordOf(role)}`),
];

export const install =
  () => `  # once: a role and a schema for each service, and the schema of the messages
  install:
    <<: *service
    build:
      context: ..
      dockerfile: docker/Dockerfile
      args: { BUILD: '${BUILD}' }
    pull_policy: build
    command: [node, tools/database/install.mjs]
    restart: 'no'
    healthcheck: { disable: true }
    environment:
${indented(installEnvironment(), 6)}
    depends_on:
      postgres: { condition: service_healthy }`;
