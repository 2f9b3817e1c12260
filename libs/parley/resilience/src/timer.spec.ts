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

it.each([5, -5])('aborts a signal after a short span, too: %d ms', async (milliseconds) => {
  const later = abortAfter(60_000);
  const signal = abortAfter(milliseconds);
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  expect(signal.reason).toMatchObject({ name: 'TimeoutError' });
  expect(later.aborted).toBe(false);
});

it('keeps the process alive for a timer, unless told otherwise, and never for a signal', () => {
  const timers = () =>
    process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
  const others = timers();
  const cancel = startTimer(DAY, () => {});
  expect(timers()).toBe(others + 1);
  cancel();
  const cancelSecond = startTimer(DAY, () => {}, { ref: false });
  for (const span of [DAY, 30 * DAY]) abortAfter(span);
  expect(timers()).toBe(others);
  cancelSecond();
});
