import { tokenIn } from './fragment';

describe('the token in a link', () => {
  it('is found in the fragment, which is empty afterwards', () => {
    expect(tokenIn('#token=a%2Bb')).toEqual({ token: 'a+b', rest: '' });
  });

  it('leaves the rest of the fragment', () => {
    expect(tokenIn('#stack&token=abc')).toEqual({ token: 'abc', rest: '#stack=' });
  });

  it('is none where nothing is named so, and where it is empty', () => {
    expect(tokenIn('#stack')).toEqual({ rest: '#stack' });
    expect(tokenIn('')).toEqual({ rest: '' });
    expect(tokenIn('#token=')).toEqual({ rest: '' });
  });
});
