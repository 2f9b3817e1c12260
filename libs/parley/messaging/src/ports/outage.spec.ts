import {
  bugDetails,
  bugIn,
  effectAfter,
  hadEffect,
  noteEffect,
  notingEffects,
  OutageError,
  outageIn,
  outageReadersOf,
} from './outage';

class AwayError extends OutageError {
  readonly effect = 'none';
}
class SilentError extends OutageError {
  readonly effect = 'unknown';
}

describe('an outage', () => {
  const away = new AwayError('the depot is away');
  const silent = new SilentError('the depot does not answer');

  it('is what the first reader that knows the error says', () => {
    const error = new Error('ECONNREFUSED');
    const seen: unknown[] = [];
    const knowsNothing = (one: unknown) => void seen.push(one);
    expect(outageIn(error, [knowsNothing, () => away, () => silent])).toBe(away);
    expect(seen).toEqual([error]);
  });

  it('is itself, whatever readers say', () => {
    expect(outageIn(silent, [() => away])).toBe(silent);
  });

  it('is none when no reader knows the error', () => {
    expect(outageIn(new Error('no'), [() => undefined])).toBeUndefined();
    expect(outageIn(new Error('no'), [])).toBeUndefined();
  });

  it('is read by the store and the technologies that can', () => {
    const [one, other] = [() => away, () => silent];
    expect(outageReadersOf([{ outage: one }, {}, undefined, { outage: other }])).toEqual([
      one,
      other,
    ]);
  });

  it('leaves it open what took effect, once something of the request did', () => {
    notingEffects(() => {
      expect([effectAfter(away), effectAfter(silent)]).toEqual(['none', 'unknown']);
      noteEffect();
      expect([effectAfter(away), effectAfter(silent)]).toEqual(['unknown', 'unknown']);
    });
  });
});

describe('the effect of a request', () => {
  it('is noted for that request alone, also after it waited', async () => {
    const [one, other] = await Promise.all([
      notingEffects(async () => {
        noteEffect();
        await Promise.resolve();
        return hadEffect();
      }),
      notingEffects(async () => {
        await Promise.resolve();
        return hadEffect();
      }),
    ]);
    expect([one, other]).toEqual([true, false]);
  });

  it('is nobody’s outside of a request', () => {
    noteEffect();
    expect(hadEffect()).toBe(false);
  });
});

const withCode = (error: Error, code: string) => Object.assign(error, { code });
const undefinedRead = new TypeError("Cannot read properties of undefined (reading 'send')");

describe('a mistake in code', () => {
  it.each([
    undefinedRead,
    new RangeError('Maximum call stack size exceeded'),
    new ReferenceError('x is not defined'),
    withCode(new TypeError('The "port" argument must be of type number'), 'ERR_INVALID_ARG_TYPE'),
    withCode(new TypeError('Value of "this" must be of type URL'), 'ERR_INVALID_THIS'),
  ])('is told as what it is: %s', (error) => {
    expect(bugIn(error)).toBe(error);
  });

  it('is logged with its stack, an outage without', () => {
    expect(bugDetails(new Error('failed', { cause: undefinedRead }))).toEqual({
      error: undefinedRead,
    });
    expect(bugDetails(new Error('connect ECONNREFUSED'))).toBeUndefined();
  });

  it('is found where a client library wrapped it', () => {
    const wrapped = new Error('Number of retries exceeded', {
      cause: new Error('failed', { cause: undefinedRead }),
    });
    expect(bugIn(wrapped)).toBe(undefinedRead);
  });

  it.each([
    new Error('connect ECONNREFUSED'),
    new TypeError('fetch failed', { cause: withCode(new Error('refused'), 'ECONNREFUSED') }),
    // Bytes that are none of the protocol's.
    withCode(new RangeError('The value of "offset" is out of range'), 'ERR_OUT_OF_RANGE'),
    new SyntaxError('Unexpected token < in JSON'),
    'no',
    undefined,
  ])('is not: %s', (error) => {
    expect(bugIn(error)).toBeUndefined();
  });
});
