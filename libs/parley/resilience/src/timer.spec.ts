import { abortAfter, sleep, startTimer } from './timer';

const DAY = 86_400_000;

describe('a timer', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it.each([0, 1, 5_000, 2 ** 31 - 1, 2 ** 31, 30 * DAY, 100 * DAY])(
    'runs out after %d ms, not before and once',
    (milliseconds) => {
      const callback = jest.fn();
      startTimer(milliseconds, callback);
      if (milliseconds > 0) jest.advanceTimersByTime(milliseconds - 1);
      expect(callback).not.toHaveBeenCalled();
      jest.advanceTimersByTime(1);
      expect(callback).toHaveBeenCalledTimes(1);
      jest.advanceTimersByTime(100 * DAY);
      expect(callback).toHaveBeenCalledTimes(1);
    },
  );

  it('can be cancelled, also when it was set again meanwhile', () => {
    const callback = jest.fn();
    const cancel = startTimer(60 * DAY, callback);
    jest.advanceTimersByTime(40 * DAY);
    cancel();
    jest.advanceTimersByTime(60 * DAY);
    expect(callback).not.toHaveBeenCalled();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('may be waited for', async () => {
    const slept = jest.fn();
    const sleeping = sleep(30 * DAY).then(slept);
    await jest.advanceTimersByTimeAsync(30 * DAY - 1);
    expect(slept).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    await sleeping;
  });

  it('aborts a signal, as AbortSignal.timeout does', () => {
    const signal = abortAfter(30 * DAY);
    jest.advanceTimersByTime(30 * DAY - 1);
    expect(signal.aborted).toBe(false);
    jest.advanceTimersByTime(1);
    expect(signal.reason).toMatchObject({ name: 'TimeoutError' });
  });
});

it('aborts a signal after a short span, too', async () => {
  const signal = abortAfter(5);
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  expect(signal.reason).toMatchObject({ name: 'TimeoutError' });
});
