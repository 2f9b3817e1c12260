import { VirtualClock } from '@parley/testing';
import { GapDetector, LATE_AT_MOST_MS } from './gap-detector';

let clock: VirtualClock;
let gaps: GapDetector;
/** What was missed so far, by publisher and contract. */
let missed: Record<string, number>;

beforeEach(() => {
  clock = new VirtualClock();
  gaps = new GapDetector(clock);
  missed = {};
});

/** Sent now, unless it is said how many milliseconds before. */
function arrives(
  producerinstance: string,
  sequence: string | undefined,
  { type = 'catalog.price-changed', sentBefore = 0 } = {},
): void {
  const time = new Date(clock.now() - sentBefore).toISOString();
  for (const { count, ...of } of gaps.arrived({ producerinstance, type, sequence, time })) {
    const publisher = `${of.producerinstance} ${of.type}`;
    missed[publisher] = (missed[publisher] ?? 0) + count;
  }
}

const PRICES_OF_A = 'a catalog.price-changed';

/** The time in which a broadcast may come late, and one that has nothing to do with the others. */
async function afterAWhile(): Promise<void> {
  await clock.advance(LATE_AT_MOST_MS);
  arrives('somebody else', '1', { type: 'catalog.shop-opened' });
}

describe('a subscriber of broadcasts', () => {
  it('knows how many it missed between two it heard', async () => {
    for (const sequence of ['7', '8', '12', '13']) arrives('a', sequence);
    await afterAWhile();
    expect(missed).toEqual({ [PRICES_OF_A]: 3 });
    await afterAWhile();
    expect(missed).toEqual({ [PRICES_OF_A]: 3 });
  });

  it('waits for those that others overtook before it counts them', async () => {
    for (const sequence of ['1', '4']) arrives('a', sequence);
    await clock.advance(LATE_AT_MOST_MS - 1);
    arrives('a', '5');
    expect(missed).toEqual({});
    await clock.advance(1);
    arrives('a', '6');
    expect(missed).toEqual({ [PRICES_OF_A]: 2 });
  });

  it('does not count one that came late, nor those after it twice', async () => {
    arrives('a', '1');
    for (const [sequence, sentBefore] of [
      ['4', 0],
      ['2', 20],
      ['5', 0],
      ['9', 0],
      ['8', 1],
      ['8', 1],
      ['10', 0],
    ] as const)
      arrives('a', sequence, { sentBefore });
    await afterAWhile();
    expect(missed).toEqual({ [PRICES_OF_A]: 3 }); // 3, 6 and 7
  });

  it('opens no gap by one that comes after it was counted', async () => {
    for (const sequence of ['1', '4']) arrives('a', sequence);
    await afterAWhile();
    expect(missed).toEqual({ [PRICES_OF_A]: 2 });
    arrives('a', '2', { sentBefore: LATE_AT_MOST_MS + 1 });
    arrives('a', '5');
    await afterAWhile();
    expect(missed).toEqual({ [PRICES_OF_A]: 2 });
  });

  it('counts nothing by one that comes again', async () => {
    for (const sequence of ['9', '9', '10']) arrives('a', sequence);
    await afterAWhile();
    expect(missed).toEqual({});
  });

  it('takes up the numbers of a publisher that began again, and closes its gaps', async () => {
    for (const sequence of ['1', '9']) arrives('a', sequence);
    await clock.advance(1);
    arrives('a', '1');
    expect(missed).toEqual({ [PRICES_OF_A]: 7 });
    for (const sequence of ['2', '4']) arrives('a', sequence);
    await afterAWhile();
    expect(missed).toEqual({ [PRICES_OF_A]: 8 });
  });

  it('counts each publisher and each contract by itself', async () => {
    arrives('a', '1');
    arrives('b', '5');
    arrives('a', '2');
    arrives('b', '7');
    arrives('a', '1', { type: 'catalog.door-opened' });
    arrives('a', '6', { sentBefore: 1, type: 'catalog.door-opened' });
    arrives('a', '6', { sentBefore: 1 });
    arrives('a', '5', { sentBefore: 1 });
    await afterAWhile();
    expect(missed).toEqual({
      [PRICES_OF_A]: 2,
      'b catalog.price-changed': 1,
      'a catalog.door-opened': 4,
    });
  });

  it.each([undefined, '', 'x', '-1', '1.5', '1e999'])('does not count by %j', async (sequence) => {
    for (const one of ['1', sequence, '3']) arrives('a', one);
    await afterAWhile();
    expect(missed).toEqual({ [PRICES_OF_A]: 1 });
  });

  it.each([
    [1_000, undefined],
    [999, 7],
  ])('forgets those it has not heard of for longest: %j others', async (others, count) => {
    arrives('a', '1');
    for (let n = 0; n < others; n++) arrives(`other-${n}`, '1');
    arrives('a', '9');
    await afterAWhile();
    expect(missed[PRICES_OF_A]).toBe(count);
  });

  it('counts the oldest of too many open gaps', () => {
    for (let n = 1; n <= 1_001; n++) arrives('a', String(2 * n));
    expect(missed).toEqual({});
    arrives('a', '2004');
    expect(missed).toEqual({ [PRICES_OF_A]: 1 });
  });

  it('counts a gap once that is too old and one too many', async () => {
    for (let n = 1; n <= 1_001; n++) arrives('a', String(2 * n));
    await clock.advance(LATE_AT_MOST_MS);
    arrives('a', '2004');
    expect(missed).toEqual({ [PRICES_OF_A]: 1_000 });
  });
});
