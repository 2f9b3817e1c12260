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
const TUNE = method(30, Buffer.from([0, 0, 0, 2, 0, 0, 0, 60]));
const START = method(10, Buffer.from([0, 9, 0, 0, 0, 0]), long('PLAIN'), long('en_US'));

const close = (code: number, text: string) =>
  method(50, Buffer.from([code >> 8, code & 255, text.length]), Buffer.from(text), Buffer.alloc(4));

/** Answers each of the client's steps with the next of these, and the last one ends it. */
const saying =
  (...answers: readonly Buffer[]): Answer =>
  (near) => {
    const next = (answer: number) =>
      near.once('data', () => {
        if (answer === answers.length - 1) return near.end(answers[answer]!);
        near.write(answers[answer]!);
        next(answer + 1);
      });
    next(0);
  };
/** Begins the handshake, and closes the connection instead of going on. */
const closing = (code: number, text: string) => saying(START, close(code, text));

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
        'a virtual host that is down': {
          answer: saying(
            START,
            TUNE,
            close(541, "INTERNAL_ERROR - access to vhost '/' refused: vhost '/' is down"),
          ),
          told: /its virtual host is missing, refused to this user, or down/,
        },
      },
      refusal: {
        answer: closing(403, 'ACCESS_REFUSED - Login was refused'),
        told: /refuses the user/,
      },
      tearDown: (service) => dropQueuesOf(url, [service]),
    });
else it.skip('rabbitmq: not run, for RABBITMQ_URL is not set', () => undefined);
