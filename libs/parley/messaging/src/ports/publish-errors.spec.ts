import type { OutgoingMessage } from '../message/message';
import { type EffectOfOutage, OutageError } from './outage';
import {
  backoffAfter,
  failureOf,
  NotStoredError,
  NotTriedError,
  PartlyPublishedError,
  publishError,
  PublishErrors,
  UnconfirmedError,
  UnpublishableError,
  UnpublishedError,
  UnroutableError,
} from './publish-errors';

class AwayError extends OutageError {
  constructor(readonly effect: EffectOfOutage) {
    super('the database is away');
  }
}
const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
const bug = new TypeError("Cannot read properties of undefined (reading 'send')");
const readers = [
  (error: unknown) => (error === refused ? new AwayError('none') : undefined),
  (error: unknown) => (error === reset ? new AwayError('unknown') : undefined),
];

describe('an error of sending a message', () => {
  it.each([
    ['nothing was stored', refused, NotStoredError],
    ['nobody knows', reset, UnconfirmedError],
  ])('tells that %s, with the client’s own error as its cause', (_, cause, type) => {
    const error = publishError(cause, readers);
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ message: 'the database is away', cause });
  });

  it('tells that nothing was stored, also where a transport says it of one message only', () => {
    const cause = new UnpublishedError('not allowed to write to orders.events');
    const error = publishError(cause, readers);
    expect(error).toBeInstanceOf(NotStoredError);
    expect(error).toMatchObject({ message: cause.message, cause });
  });

  it.each([
    ['a mistake in code', bug],
    ['a message that never can be published', new UnpublishableError('too large')],
    ['an error that tells already', new NotStoredError('the queue is full')],
    ['an error that tells already that nobody knows', new UnconfirmedError('no confirm')],
  ])('stays as it is: %s', (_, error) => {
    expect(publishError(error, readers)).toBe(error);
  });
});

describe('the errors of a technology', () => {
  const cause = new Error('ECONNRESET');
  const kept = new PublishErrors('RabbitMQ at amqp://rabbit');
  const unkept = new PublishErrors('Redis at redis://cache', false);

  it.each([
    ['nothing was stored', kept.notConnected('it is full', cause), NotStoredError, 'none'],
    ['nothing was stored', kept.notStored('queue a', 'it is full', cause), NotStoredError, 'none'],
    ['nobody takes it', kept.unroutable('queue a', 'make it', cause), UnroutableError, 'none'],
    ['nobody knows', kept.unconfirmed('queue a', 'too late', cause), UnconfirmedError, 'unknown'],
    [
      'it never will',
      kept.unacceptable('queue a', 'too large', cause),
      UnpublishableError,
      undefined,
    ],
  ])('tell by their class that %s, and keep their cause', (_, error, type, effect) => {
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ cause, ...(effect && { effect }) });
  });

  it('advise to send it again; under the same id, when it may be there', () => {
    expect(kept.notConnected().message).toBe(
      'RabbitMQ at amqp://rabbit takes no messages (there is no connection); nothing was stored, send it again when it is back',
    );
    expect(kept.unconfirmed('queue a', 'no answer within 10 s').message).toBe(
      'RabbitMQ at amqp://rabbit did not confirm a message for queue a (no answer within 10 s); send it again under the same id',
    );
  });

  it('advise to do so only if it still matters, where nothing keeps a message', () => {
    for (const error of [unkept.notConnected(), unkept.unconfirmed('channel a', 'no answer')])
      expect(error.message).toMatch(/; nothing keeps it, so send it again if it still matters$/);
  });
});

describe('the error of several messages', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((id) => ({ envelope: { id } }) as OutgoingMessage);
  const notTried = new NotTriedError('an earlier message of its key was not published');

  it('has the first reason as its cause, not that a message was not tried', () => {
    const failures = new Map<OutgoingMessage, unknown>([
      [a!, notTried],
      [b!, new Error('too large')],
      [c!, new Error('away')],
    ]);
    const error = failureOf(failures, [a!, b!, c!]);
    expect(error).toBeInstanceOf(PartlyPublishedError);
    expect(error).toMatchObject({
      message: '3 messages were not published: too large',
      cause: failures.get(b!),
      failures,
    });
  });

  it.each<[string, unknown, string]>([
    ['that none was tried', notTried, notTried.message],
    ['what a library threw that is no error', 'no route', 'no route'],
  ])('tells %s', (_, cause, message) => {
    expect(failureOf(new Map([[a!, cause]]), [a!, b!])).toMatchObject({
      message: `1 messages were not published: ${message}`,
      cause,
    });
  });

  it('is the reason itself, when there was one message', () => {
    expect(failureOf(new Map([[a!, notTried]]), [a!])).toBe(notTried);
  });
});

it('the time until the next try doubles from 0.1 s up to 5 s, however often it failed', () => {
  expect([0, 1, 2, 5, 6, 10, 5_000].map(backoffAfter)).toEqual([
    100, 200, 400, 3_200, 5_000, 5_000, 5_000,
  ]);
});
