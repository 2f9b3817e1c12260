import { SHORTEST_LEASE_MS, shortestLeaseOf, watchEventLoop } from './blocked-loop';

describe('a blocked event loop', () => {
  let warnings: string[];
  let stop: () => void;
  const watch = (longest?: number) => {
    stop = watchEventLoop((message) => warnings.push(message), longest);
  };
  /** Time in which nothing runs: a timer that is due fires once, when it is over. */
  const block = (milliseconds: number) => {
    const now = performance.now() + milliseconds;
    jest.spyOn(performance, 'now').mockReturnValue(now);
    jest.runOnlyPendingTimers();
  };

  beforeEach(() => {
    warnings = [];
    jest.useFakeTimers({ doNotFake: ['performance'] });
  });
  afterEach(() => {
    stop();
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  it('is told once each time, with how long it was beyond the half second between two looks', () => {
    watch(300);
    block(1_200);
    block(1_700);
    expect(warnings).toEqual([
      expect.stringMatching(/for 0\.7 s: longer than a lease of 0\.3 s/),
      expect.stringMatching(/for 1\.2 s: longer than a lease of 0\.3 s/),
    ]);
    block(500);
    expect(warnings).toHaveLength(2);
  });

  it('is nothing to tell of until it lasts longer than the shortest lease', () => {
    watch();
    block(SHORTEST_LEASE_MS + 499);
    expect(warnings).toEqual([]);
    block(SHORTEST_LEASE_MS + 502);
    expect(warnings).toEqual([expect.stringContaining('for 10.0 s: longer than a lease of 10 s')]);
  });

  it('is not looked at any more once nobody wants to know', () => {
    watch(300);
    stop();
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('the shortest lease', () => {
  it.each([
    [[], SHORTEST_LEASE_MS],
    [[undefined, 'postgres://me@host/db', 'kinesis://eu-west-1?lease=3s'], 3_000],
    [['kafka://a:9092,b:9092?sasl=plain&session=6s', 'sqs://eu-west-1?lease=12h'], 6_000],
    [['sqs://eu-west-1?lease=soon'], SHORTEST_LEASE_MS], // the technology refuses it
  ])('of %j is %d ms', (urls, shortest) => {
    expect(shortestLeaseOf(urls)).toBe(shortest);
  });
});

describe('an event loop that is really blocked', () => {
  it('is told of', async () => {
    let stop = () => {};
    const warning = await new Promise<string>((reported) => {
      stop = watchEventLoop(reported, 100);
      for (const until = performance.now() + 700; performance.now() < until;);
    });
    stop();
    expect(warning).toContain('longer than a lease of 0.1 s');
  });
});
