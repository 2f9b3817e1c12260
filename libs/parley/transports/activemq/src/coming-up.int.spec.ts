import { type Answer, comingUpSuite } from '@parley/conformance';
import rhea from 'rhea';
import { activemq } from './activemq';
import { removeTraces } from './traces.fixture';

const url = process.env.ACTIVEMQ_URL ?? '';

/** Opens the connection only to close it, as AMQP 1.0 has it for a broker that cannot serve. */
const closing =
  (condition: string, description: string): Answer =>
  (near) => {
    const container = rhea.create_container();
    container.sasl_server_mechanisms.enable_plain(() => true);
    const connection = container.create_connection({
      properties: { 'amqp:connection-establishment-failed': true },
    } as never) as rhea.Connection & { accept(socket: typeof near): void };
    connection.on('connection_open', () => connection.close({ condition, description } as never));
    for (const event of ['error', 'protocol_error', 'connection_error', 'disconnected'])
      connection.on(event, () => undefined);
    connection.accept(near);
  };

if (url)
  for (const kind of ['command', 'broadcast'] as const)
    comingUpSuite({
      technology: activemq,
      kind,
      url,
      port: 61616,
      notYet: {
        'connection forced': {
          answer: closing('amqp:connection:forced', 'the broker is not started'),
          told: /amqp:connection:forced: the broker is not started/,
        },
        'internal error': {
          answer: closing('amqp:internal-error', 'AMQ229999: not active yet'),
          told: /amqp:internal-error: AMQ229999: not active yet/,
        },
      },
      refusal: {
        answer: closing('amqp:unauthorized-access', 'failed to authenticate'),
        told: /refuses the user/,
      },
      tearDown: (service) => removeTraces(url, [service]),
    });
else it.skip('activemq: not run, for ACTIVEMQ_URL is not set', () => undefined);
