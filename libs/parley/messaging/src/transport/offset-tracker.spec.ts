import fc from 'fast-check';
import { OffsetTracker } from './offset-tracker';

describe('the position of a partition', () => {
  it('never passes an unfinished message', () => {
    const offsets = Array.from({ length: 30 }, (_, n) => n + 100);
    fc.assert(
      fc.property(fc.shuffledSubarray(offsets), (order) => {
        const tracker = new OffsetTracker(100);
        for (const offset of offsets) tracker.begin(offset);
        tracker.next = 130;
        const open = new Set(offsets);
        for (const offset of order) {
          tracker.finish(offset);
          open.delete(offset);
          expect(tracker.finished).toBe(open.size > 0 ? Math.min(...open) : 130);
          expect(tracker.count).toBe(open.size);
        }
      }),
    );
  });

  it('passes messages that were only read', () => {
    const tracker = new OffsetTracker(5);
    tracker.begin(5);
    tracker.begin(9);
    tracker.next = 40;
    tracker.finish(5);
    expect(tracker.finished).toBe(9);
    tracker.finish(9);
    expect(tracker.finished).toBe(40);
  });

  it('may be a name, where each message is read from behind the one before it', () => {
    const tracker = new OffsetTracker('');
    for (const [from, next] of [
      ['', 'a'],
      ['a', 'b'],
    ] as const) {
      tracker.begin(from);
      tracker.next = next;
    }
    tracker.finish('a');
    expect([tracker.finished, tracker.count]).toEqual(['', 1]);
    tracker.finish('');
    expect([tracker.finished, tracker.count]).toEqual(['b', 0]);
  });

  it('finishes a message once', () => {
    const tracker = new OffsetTracker(1);
    tracker.begin(1, 10);
    tracker.begin(2, 10);
    tracker.finish(1);
    tracker.finish(1);
    expect([tracker.finished, tracker.count]).toEqual([2, 1]);
  });

  it('knows the bytes of the unfinished messages', () => {
    const tracker = new (class extends OffsetTracker<number> {
      readonly unfinishedBytes = () => this.bytes;
    })(1);
    tracker.begin(1, 10);
    tracker.begin(2, 5);
    expect(tracker.unfinishedBytes()).toBe(15);
    for (const offset of [1, 1]) tracker.finish(offset);
    expect(tracker.unfinishedBytes()).toBe(5);
  });

  it('has moved until it is stored', () => {
    const tracker = new OffsetTracker(7);
    expect(tracker.hasMoved).toBe(false);
    tracker.next = 8;
    expect(tracker.hasMoved).toBe(true);
    tracker.stored = 8;
    expect(tracker.hasMoved).toBe(false);
  });
});
