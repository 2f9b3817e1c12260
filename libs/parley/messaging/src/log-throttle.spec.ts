import { moreTimes, LogThrottle } from './log-throttle';

describe('what is said sparingly', () => {
  it('is said at once, then once in ten seconds with the number left out', () => {
    let now = 0;
    const lines: string[] = [];
    const sparingly = new LogThrottle(() => now);
    const log = (subject: string) =>
      sparingly.log(subject, (more) => lines.push(`${subject}${moreTimes(more)}`));
    for (const at of [0, 1, 9_999]) {
      now = at;
      log('away');
    }
    log('other');
    now = 10_000;
    log('away');
    expect(lines).toEqual(['away', 'other', 'away (2 more times since the last such line)']);
  });
});
