/** Of a role that may create schemas and roles: its migrations install Parley, too. */
export const databaseUrl =
  process.env['DATABASE_URL'] ?? 'postgres://postgres:postgres@127.0.0.1:5432/postgres';
export const rabbitmqUrl = process.env['RABBITMQ_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672';
/** Shown by operators who look at dead letters. */
export const operatorsToken = process.env['OPERATORS_TOKEN'];
export const port = Number(process.env['PORT'] ?? 3000);
