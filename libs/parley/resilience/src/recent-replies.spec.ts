import { MovedClock } from './moved-clock.fixture';
import { RecentReplies } from './recent-replies';

describe('recent replies', () => {
  it('are kept by request, for as long as the asker takes them', () => {
    const clock = new MovedClock();
    const replies = new RecentReplies<number>(clock, 10);
    replies.note('a', 1);
    clock.forward(60_000);
    expect([replies.of('a', 60_000), replies.of('a', 59_999), replies.of('b', 60_000)]).toEqual([
      1,
      undefined,
      undefined,
    ]);
    replies.note('a', 2);
    expect(replies.of('a', 0)).toBe(2);
  });

  it('are bounded: the one that was noted longest ago goes first', () => {
    const replies = new RecentReplies<number>(new MovedClock(), 2);
    replies.note('a', 1);
    replies.note('b', 2);
    replies.note('a', 3);
    replies.note('c', 4);
    expect(['a', 'b', 'c'].map((request) => replies.of(request, 1))).toEqual([3, undefined, 4]);
  });
});
