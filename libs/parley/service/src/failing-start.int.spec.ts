import { startsFail } from './faults.fixture';

startsFail({
  'the database': [
    {
      with: 'a wrong password',
      sets: { DATABASE_URL: 'postgres://{role}:{wrong}@{postgres}/{database}' },
      says: 'the database at postgres://{role}:[hidden]@{postgres}/{database} cannot be used: password authentication failed for user "{role}"; is it running, and is DATABASE_URL right?',
    },
    {
      with: 'an unknown host',
      sets: { DATABASE_URL: 'postgres://me:{wrong}@nowhere.invalid/shop' },
      says: 'the database at postgres://me:[hidden]@nowhere.invalid/shop cannot be used: getaddrinfo …; is it running, and is DATABASE_URL right?',
    },
    {
      with: 'a website on its port',
      sets: { DATABASE_URL: 'postgres://me:{wrong}@{website}/shop' },
      says: 'the database at postgres://me:[hidden]@{website}/shop cannot be used: …; is it running, and is DATABASE_URL right?',
    },
    {
      with: 'an option that it does not have',
      sets: { DATABASE_URL: 'postgres://{role}:trial@{postgres}/{database}?colour=blue' },
      says: 'DATABASE_URL: a PostgreSQL URL has no option "colour"; it has sslmode, …',
    },
  ],
  postgres: [
    {
      with: 'a wrong password',
      sets: { COMMANDS_URL: 'postgres://{role}:{wrong}@{postgres}/{database}' },
      says: 'PostgreSQL at postgres://{postgres}/{database} refuses the user "{role}" (password authentication failed for user "{role}"); correct its URL',
    },
    {
      with: 'nothing on its port',
      sets: { COMMANDS_URL: 'postgres://me:{wrong}@{nothing}/shop' },
      says: 'PostgreSQL at postgres://{nothing}/shop cannot be reached (connect ECONNREFUSED {nothing}); is it running, and does its URL point to it?',
    },
    {
      with: 'a website on its port',
      sets: { EVENTS_URL: 'postgres://me:{wrong}@{website}/shop' },
      says: 'PostgreSQL at postgres://{website}/shop hangs up (…); is it PostgreSQL that listens there?',
    },
    {
      with: 'somebody on its port who says nothing',
      sets: { BROADCASTS_URL: 'postgres://me:{wrong}@{silence}/shop' },
      says: 'PostgreSQL at postgres://{silence}/shop cannot be reached (…timeout); is it running, and does its URL point to it?',
    },
    {
      with: 'a database where parley is not installed',
      sets: { COMMANDS_URL: 'postgres://{role}:trial@{postgres}/postgres' },
      says: 'PostgreSQL at postgres://{postgres}/postgres has no schema parley, or not for the role "{role}" (schema "parley" does not exist); run install(), here by npm run install-database',
    },
  ],
  grpc: [
    {
      with: 'a port that is taken',
      sets: { CALLS_PORT: '{website-port}' },
      says: 'calls cannot be answered at {website}: …EADDRINUSE…; is the port taken?',
    },
    {
      with: 'an option that it does not know',
      sets: { CALLS_URL: 'grpc://{nothing}?colour=blue' },
      says: 'CALLS_URL: "grpc://{nothing}?colour=blue" has the unknown parameter "colour"; write grpc://…',
    },
    {
      with: 'TLS, and no certificate to show',
      sets: { CALLS_URL: 'grpcs://{nothing}' },
      says: 'CALLS_URL: calls are answered by TLS, but there is no certificate to show; add ?cert=/path/tls.crt&key=/path/tls.key',
    },
  ],
  'whatever its URLs name': [
    {
      with: 'a scheme that no technology has',
      sets: { COMMANDS_URL: 'rabbit://guest:{wrong}@{nothing}' },
      says: 'COMMANDS_URL: "rabbit" names no technology; use one of postgres://, …, memory://',
    },
    {
      with: 'a handler that no technology can serve',
      sets: { BATCH: 'true' },
      says: 'Jobs.seen takes batches of {name}.job-seen, but nothing acknowledges them together; handle one at a time',
    },
  ],
});
