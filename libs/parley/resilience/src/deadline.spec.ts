import { Deadline, DeadlineExceededError } from './deadline';

describe('a deadline', () => {
  afterEach(() => jest.useRealTimers());

  it('is so far from now', () => {
    jest.useFakeTimers({ now: 1_000 });
    expect(Deadline.within(60_000).at).toBe(61_000);
  });

  it('is not put off when the time of day is set back', () => {
    const deadline = Deadline.within(500);
    const time = jest.spyOn(Date, 'now').mockReturnValue(Date.now() - 3_600_000);
    expect(
      [
        deadline.budget(),
        Deadline.within(5_000, deadline).budget(),
        deadline.at - Date.now(),
      ].every((left) => left <= 500),
    ).toBe(true);
    time.mockRestore();
  });

  it('is never later than the one that is running', () => {
    const running = Deadline.within(200, undefined, 1_000);
    expect(Deadline.within(5_000, running, 1_100).budget(1_100)).toBe(100);
    expect(Deadline.within(50, running, 1_100).budget(1_100)).toBe(50);
  });

  it('leaves a budget that shrinks to nothing and no further', () => {
    const deadline = Deadline.within(500, undefined, 1_000);
    expect([1_000, 1_200, 1_500, 9_000].map((now) => deadline.budget(now))).toEqual([
      500, 300, 0, 0,
    ]);
  });

  it('goes by the clock of the process when none is given', () => {
    jest.useFakeTimers();
    const deadline = Deadline.within(60_000);
    jest.advanceTimersByTime(9_000);
    expect(deadline.budget()).toBe(51_000);
  });
});

it('says that the outcome of what was not answered is unknown', () => {
  expect(new DeadlineExceededError('catalog.quote-price', 799.6).message).toBe(
    'catalog.quote-price was not answered within 800 ms; whether it took effect is unknown',
  );
});
