import { MovedClock } from './moved-clock.fixture';
import { SlidingWindow } from './sliding-window';

let clock: MovedClock;
let window: SlidingWindow;

beforeEach(() => {
  clock = new MovedClock();
  window = new SlidingWindow(10_000, clock);
});

describe('a sliding window', () => {
  it('counts results, and those that failed', () => {
    expect(window.counts()).toEqual({ all: 0, failed: 0 });
    window.note(true);
    window.note(false);
    expect(window.counts()).toEqual({ all: 2, failed: 1 });
  });

  it('forgets a tenth of itself at a time', () => {
    window.note(false);
    clock.forward(1_000);
    window.note(true);
    clock.forward(8_999);
    expect(window.counts()).toEqual({ all: 2, failed: 1 });
    clock.forward(1);
    expect(window.counts()).toEqual({ all: 1, failed: 0 });
    window.note(true);
    expect(window.counts()).toEqual({ all: 2, failed: 0 });
  });

  it('forgets everything when it is cleared', () => {
    window.note(false);
    window.clear();
    expect(window.counts()).toEqual({ all: 0, failed: 0 });
  });
});
