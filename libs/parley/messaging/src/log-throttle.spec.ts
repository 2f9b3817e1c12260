import { moreTimes, LogThrottle } from './log-throttle';

describe('what is said sparingly', () => {
  it('is said at once, then once in ten seconds with the number left out', () => {
    let now = 0;
    const said: string[] = [];
    const sparingly = new LogThrottle(() => now);
    const say = (subject: string) =>
      sparingly.log(subject, (more) => said.push(`${subject}${moreTimes(more)}`));
    for (const at of [0, 1, 9_999]) {
      now = at;
      say('away');
    }
    say('other');
    now = 10_000;
    say('away');
    expect(said).toEqual(['away', 'other', 'away (2 more times since the last such line)']);
  });
});
