import {
  AlreadyHandledError,
  describeError as evidenceOf,
  IdConflictError,
  withoutPersonal,
  LaneParkedError,
  LeaseLostError,
  ProcessEndedError,
  UnrecoverableError,
} from './failure';

const thrower = (): never => {
  throw new Error('no');
};

describe('the evidence of a failure', () => {
  it('is the class, the message and the stack', () => {
    class CardExpired extends UnrecoverableError {
      override readonly name = 'CardExpired';
    }
    expect(evidenceOf(new CardExpired('in May'))).toEqual({
      error: 'CardExpired',
      message: 'in May',
      stack: expect.stringContaining('failure.spec'),
    });
  });

  it.each<[unknown, string, string]>([
    ['a text', 'string', 'a text'],
    [undefined, 'undefined', 'undefined'],
    [null, 'object', 'null'],
    [42, 'number', '42'],
    [Symbol('s'), 'symbol', 'Symbol(s)'],
    [Object.create(null), 'object', 'something that cannot be shown'],
    [{ toString: () => thrower() }, 'object', 'something that cannot be shown'],
  ])('is there whatever was thrown: %#', (thrown, error, message) => {
    expect(evidenceOf(thrown)).toEqual({ error, message, stack: '' });
  });

  it('has its bounds', () => {
    const { message, stack } = evidenceOf(new Error('x'.repeat(5_000_000)));
    expect(message).toMatch(/^x{2000}… \(5000000 characters\)$/);
    expect(stack.length).toBeLessThan(9_000);
    expect(evidenceOf('x'.repeat(2_000)).message).toBe('x'.repeat(2_000));
  });

  it('is text that every store takes, also where it is cut through a character', () => {
    const evidence = evidenceOf(new Error(`a\0b${'x'.repeat(1_996)}🛫`));
    expect(evidence.message).toMatch(/^a\ufffdbx{1996}\ufffd… \(2001 characters\)$/);
    expect(`${evidence.stack}${evidenceOf('\ud83d').message}`).not.toMatch(/\0|\p{Surrogate}/u);
  });

  it('hides the password of a URL', () => {
    const { message, stack } = evidenceOf(
      new Error('no answer from amqp://app:s3cret@rabbit:5672/'),
    );
    expect(message).toBe('no answer from amqp://app:[hidden]@rabbit:5672/');
    expect(stack).not.toContain('s3cret');
    expect(evidenceOf('at http://shop:4000/a@b').message).toBe('at http://shop:4000/a@b');
  });

  it('has the name that an error has, or that of its class', () => {
    class CardExpired extends Error {}
    expect(evidenceOf(new CardExpired()).error).toBe('CardExpired');
    expect(evidenceOf(Object.assign(new Error(), { name: 'AbortError' })).error).toBe('AbortError');
  });

  it('has a message and a class also where an error lost them', () => {
    const broken = Object.assign(new Error('m'), { message: 5, name: undefined, stack: undefined });
    expect(evidenceOf(broken)).toEqual({ error: 'Error', message: '5', stack: '' });
    expect(evidenceOf(Object.assign(broken, { constructor: undefined })).error).toBe('Error');
  });

  it.each([
    ['UnrecoverableError', new UnrecoverableError()],
    ['LeaseLostError', new LeaseLostError()],
    ['AlreadyHandledError', new AlreadyHandledError()],
    ['IdConflictError', new IdConflictError('m-1')],
    ['LaneParkedError', new LaneParkedError()],
    ['ProcessEndedError', new ProcessEndedError([])],
  ])('names the kit’s own errors, also where code is minified: %s', (name, error) => {
    expect(Object.hasOwn(error, 'name') && error.name).toBe(name);
  });

  it('says of a conflict which message it was and what happened to it', () => {
    expect(new IdConflictError('m-1').message).toMatch(
      /^message m-1 was handled before with another body: .* used for two things$/,
    );
  });

  it('says of processes that ended which they were, and when each began', () => {
    const unfinished = ['orders-1', 'orders-2'].map((instance, minute) => ({
      instance,
      at: new Date(Date.UTC(2026, 0, 1, 0, minute)),
    }));
    const { message } = new ProcessEndedError(unfinished);
    expect(message.split('\n')).toEqual([
      'its process ended, or lost its lease, while it was handled alone, 2 times in a row:',
      '2026-01-01T00:00:00.000Z orders-1',
      '2026-01-01T00:01:00.000Z orders-2',
    ]);
  });
});

describe('evidence without what is personal', () => {
  const evidence = {
    error: 'Error',
    message: 'Ada Lovelace (Ada) of Ur',
    stack: 'at Ada\nat Ada Lovelace',
  };

  it('keeps neither a text nor one that holds it, the longer one whole', () => {
    expect(withoutPersonal(evidence, ['Ada', 'Ada Lovelace'])).toEqual({
      error: 'Error',
      message: '… (…) of Ur',
      stack: 'at …\nat …',
    });
  });

  it('keeps what is too short to tell anything', () => {
    expect(withoutPersonal(evidence, ['Ur', 'A'])).toEqual(evidence);
    expect(withoutPersonal(evidence, [])).toEqual(evidence);
    expect(withoutPersonal({ message: 'in Ulm', stack: '' }, ['Ulm', 'a'])).toEqual({
      message: 'in …',
      stack: '',
    });
  });
});
