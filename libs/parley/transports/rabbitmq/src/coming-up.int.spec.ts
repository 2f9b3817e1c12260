import { type Answer, comingUpSuite } from '@parley/conformance';
import { dropQueuesOf } from './leftovers.fixture';
import { rabbitmq } from './rabbitmq';

const url = process.env.RABBITMQ_URL ?? '';

const long = (text: string) =>
  Buffer.concat([Buffer.from([0, 0, 0, text.length]), Buffer.from(text)]);
const method = (method: number, ...fields: readonly Buffer[]) => {
  const payload = Buffer.concat([Buffer.from([0, 10, 0, method]), ...fields]);
  const head = Buffer.from([1, 0, 0, 0, 0, 0, payload.length]);
  return Buffer.concat([head, payload, Buffer.from([0xce])]);
};
const START = method(10, Buffer.from([0, 9, 0, 0, 0, 0]), long('PLAIN'), long('en_US'));

/** Begins the handshake, and closes the connection instead of going on. */
const closing =
  (code: number, text: string): Answer =>
  (near) => {
    const reason = Buffer.from([code >> 8, code & 255, text.length]);
    const close = method(50, reason, Buffer.from(text), Buffer.alloc(4));
    near.once('data', () => {
      near.write(START);
      near.once('data', () => near.end(close));
    });
  };

if (url)
  for (const kind of ['command', 'broadcast'] as const)
    comingUpSuite({
      technology: rabbitmq,
      kind,
      url,
      port: 5672,
      notYet: {
        'connection forced': {
          answer: closing(320, 'CONNECTION_FORCED - broker forced connection closure'),
          told: /CONNECTION_FORCED/,
        },
        'internal error': {
          answer: closing(541, 'INTERNAL_ERROR'),
          told: /541/,
        },
      },
      refusal: {
        answer: closing(403, 'ACCESS_REFUSED - Login was refused'),
        told: /refuses the user/,
      },
      tearDown: (service) => dropQueuesOf(url, [service]),
    });
else it.skip('rabbitmq: not run, for RABBITMQ_URL is not set', () => undefined);
