import { hedged } from './hedge';

/** Requests that end when the test says so. */
class Requests {
  readonly made: {
    readonly signal: AbortSignal;
    readonly resolve: (answer: string) => void;
    readonly reject: (error: Error) => void;
  }[] = [];

  readonly make = (signal: AbortSignal): Promise<string> =>
    new Promise((resolve, reject) => this.made.push({ signal, resolve, reject }));
}

describe('a hedged request', () => {
  let requests: Requests;
  let mayHedge: jest.Mock<boolean, []>;
  const begin = () => hedged(requests.make, 50, mayHedge, (answer) => answer !== 'bad');

  beforeEach(() => {
    jest.useFakeTimers();
    requests = new Requests();
    mayHedge = jest.fn(() => true);
  });
  afterEach(() => jest.useRealTimers());

  it('is made once when it is answered in time', async () => {
    const answer = begin();
    requests.made[0]!.resolve('first');
    expect(await answer).toBe('first');
    await jest.advanceTimersByTimeAsync(100);
    expect([requests.made.length, mayHedge.mock.calls.length, jest.getTimerCount()]).toEqual([
      1, 0, 0,
    ]);
  });

  it('is made a second time after the span; the first answer counts, the other is aborted', async () => {
    const answer = begin();
    await jest.advanceTimersByTimeAsync(49);
    expect(requests.made).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(1);
    requests.made[1]!.resolve('second');
    expect(await answer).toBe('second');
    expect(requests.made[0]!.signal.aborted).toBe(true);
  });

  it('is not made a second time when it may not', async () => {
    mayHedge.mockReturnValue(false);
    const answer = begin();
    await jest.advanceTimersByTimeAsync(100);
    expect(requests.made).toHaveLength(1);
    requests.made[0]!.resolve('late');
    expect(await answer).toBe('late');
  });

  it('is not made a second time after a failure', async () => {
    const answer = begin();
    requests.made[0]!.reject(new Error('away'));
    await expect(answer).rejects.toThrow('away');
    await jest.advanceTimersByTimeAsync(100);
    expect(requests.made).toHaveLength(1);
  });

  it('waits for the other one when one fails or is answered badly', async () => {
    const answer = begin();
    await jest.advanceTimersByTimeAsync(50);
    requests.made[1]!.reject(new Error('away'));
    await jest.advanceTimersByTimeAsync(1_000);
    requests.made[0]!.resolve('first');
    expect(await answer).toBe('first');
    expect(requests.made[1]!.signal.aborted).toBe(true);

    const other = begin();
    await jest.advanceTimersByTimeAsync(50);
    requests.made[2]!.resolve('bad');
    await jest.advanceTimersByTimeAsync(1_000);
    requests.made[3]!.resolve('second');
    expect(await other).toBe('second');
  });

  it('ends as the first one did when both fail', async () => {
    const answer = begin();
    const ended = expect(answer).rejects.toThrow('first');
    await jest.advanceTimersByTimeAsync(50);
    requests.made[1]!.reject(new Error('second'));
    requests.made[0]!.reject(new Error('first'));
    await ended;
  });
});
