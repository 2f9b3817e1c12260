import { InvalidMessageError } from '../message/codec';
import { UnrecoverableError } from '../message/failure';
import { delayAfter, isRecoverable, retryPolicy } from './retry-policy';

describe('a retry policy', () => {
  it('is three tries at once, then deliveries after 1 s, 10 s and 60 s, unless the handler says otherwise', () => {
    expect(retryPolicy({})).toEqual({ immediate: 3, delays: [1_000, 10_000, 60_000] });
    expect(retryPolicy({ retry: { immediate: 0 } })).toEqual({
      immediate: 0,
      delays: [1_000, 10_000, 60_000],
    });
    expect(retryPolicy({ retry: { delays: ['5s', '2m'] } })).toEqual({
      immediate: 3,
      delays: [5_000, 120_000],
    });
    expect(retryPolicy({ retry: { delays: [] } })).toEqual({ immediate: 3, delays: [] });
  });

  it('gives each delivery its delay, and the last one none', () => {
    const delays = [1, 2, 3, 4, 99].map((attempt) => delayAfter(retryPolicy({}), attempt, () => 0));
    expect(delays).toEqual([1_000, 10_000, 60_000, undefined, undefined]);
  });

  it('spreads the delays by up to a fifth, and never shortens them', () => {
    const delays = [0, 0.5, 1 - Number.EPSILON].map((random) =>
      delayAfter(retryPolicy({}), 2, () => random),
    );
    expect(delays).toEqual([10_000, 11_000, 12_000]);
  });

  it('does not try again what cannot get better', () => {
    class CardExpired extends UnrecoverableError {}
    expect([new Error(), new TypeError(), 'text', undefined].map(isRecoverable)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(
      [new UnrecoverableError(), new CardExpired(), new InvalidMessageError('a.b', [])].map(
        isRecoverable,
      ),
    ).toEqual([false, false, false]);
  });
});
