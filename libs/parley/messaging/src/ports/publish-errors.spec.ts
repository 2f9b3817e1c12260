import { type EffectOfOutage, OutageError } from './outage';
import {
  NotStoredError,
  publishError,
  UnconfirmedError,
  UnpublishableError,
  UnpublishedError,
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
