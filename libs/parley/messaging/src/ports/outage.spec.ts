import { bugIn } from './outage';

const withCode = (error: Error, code: string) => Object.assign(error, { code });
const undefinedRead = new TypeError("Cannot read properties of undefined (reading 'send')");

describe('a mistake in code', () => {
  it.each([
    undefinedRead,
    new RangeError('Maximum call stack size exceeded'),
    new ReferenceError('x is not defined'),
    withCode(new TypeError('The "port" argument must be of type number'), 'ERR_INVALID_ARG_TYPE'),
  ])('is told as what it is: %s', (error) => {
    expect(bugIn(error)).toBe(error);
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
