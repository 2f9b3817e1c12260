import fc from 'fast-check';
import { OffsetTracker } from './offset-tracker';

const begun = (offsets: readonly number[], bounds = { messages: 4, bytes: 100, span: 20 }) => {
  const progress = new OffsetTracker('t', 0, offsets[0] ?? 0, bounds);
  for (const offset of offsets) progress.begin(offset, 1);
  progress.next = (offsets.at(-1) ?? 0) + 1;
  return progress;
};

describe('the progress of a partition', () => {
  it('never gets past what is under way', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(Array.from({ length: 30 }, (_, n) => n + 100)), (order) => {
        const offsets = Array.from({ length: 30 }, (_, n) => n + 100);
        const progress = begun(offsets);
        const open = new Set(offsets);
        for (const offset of order) {
          progress.finish(offset);
          open.delete(offset);
          expect(progress.finished).toBe(open.size > 0 ? Math.min(...open) : 130);
        }
      }),
    );
  });

  it('passes over what nobody wanted', () => {
    const progress = begun([5, 9]);
    progress.next = 40;
    progress.finish(5);
    expect(progress.finished).toBe(9);
    progress.finish(9);
    expect(progress.finished).toBe(40);
  });

  it('is full when too many wait, too much, or too much would be done again', () => {
    expect([begun([1, 2, 3]).full, begun([1, 2, 3, 4]).full]).toEqual([false, true]);
    const heavy = begun([1]);
    heavy.begin(2, 200);
    expect(heavy.full).toBe(true);
    const wide = begun([1]);
    wide.next = 30;
    expect(wide.full).toBe(true);
  });

  it('reads on when there is room for half', async () => {
    const progress = begun([1, 2, 3, 4]);
    let room = false;
    const waited = progress.room(60_000).then(() => (room = true));
    expect([progress.hasRoom, room]).toEqual([false, false]);
    progress.finish(2);
    await waited;
    expect([progress.full, progress.hasRoom]).toEqual([false, false]);
    progress.finish(3);
    progress.finish(4);
    expect(progress.hasRoom).toBe(true);
    await progress.room(60_000);
  });
});
