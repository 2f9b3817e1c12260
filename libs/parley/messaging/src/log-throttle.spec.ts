import { moreTimes, LogThrottle } from './log-throttle';

describe('what is said sparingly', () => {
  it('is said at once, then once in ten seconds with the number left out', () => {
    let now = 0;
    const lines: string[] = [];
    const sparingly = new LogThrottle(() => now);
    const log = (subject: string) =>
      sparingly.log(subject, (more) => lines.push(`${subject}${moreTimes(more)}`));
    for (const at of [20_000, 20_001, 29_999]) {
      now = at;
      log('away');
    }
    log('other');
    now = 30_000;
    log('away');
    expect(lines).toEqual(['away', 'other', 'away (2 more times since the last such line)']);
  });

  it('goes by the clock of the process when none is given', () => {
    const lines: string[] = [];
    const sparingly = new LogThrottle();
    for (const line of ['first', 'second']) sparingly.log('away', () => lines.push(line));
    expect(lines).toEqual(['first']);
  });

  it('remembers 1,000 subjects, and says the first again when there are more', () => {
    const lines: string[] = [];
    const sparingly = new LogThrottle(() => 0);
    const log = (subject: string) => sparingly.log(subject, () => lines.push(subject));
    const subjects = Array.from({ length: 1_000 }, (_, n) => `subject ${n}`);
    for (const subject of [...subjects, ...subjects]) log(subject);
    expect(lines).toEqual(subjects);
    for (const subject of ['one more', 'subject 0']) log(subject);
    expect(lines.slice(1_000)).toEqual(['one more', 'subject 0']);
  });
});
