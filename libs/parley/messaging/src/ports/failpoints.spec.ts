import { crashAt, type Failpoint, UnknownFailpointError } from './failpoints';

function passing(spec: string, ...points: Failpoint[]): Failpoint[] {
  const ended: Failpoint[] = [];
  const passes = crashAt(spec, (point) => ended.push(point));
  points.forEach(passes);
  return ended;
}

describe('a fail point', () => {
  it('ends the process at the nth pass, and at no other', () => {
    expect(passing('relay.published:2', 'relay.published')).toEqual([]);
    expect(
      passing(
        'relay.published:2',
        'relay.published',
        'relay.read',
        'relay.published',
        'relay.published',
      ),
    ).toEqual(['relay.published']);
  });

  it('may be any pass', () => {
    const points = Array.from({ length: 12 }, (): Failpoint => 'relay.read');
    expect(passing('relay.read:12', ...points.slice(1))).toEqual([]);
    expect(passing('relay.read:12', ...points)).toEqual(['relay.read']);
  });

  it('is the first pass when none is named, and one of several', () => {
    expect(passing('relay.read, inbox.recorded:2', 'inbox.recorded', 'inbox.recorded')).toEqual([
      'inbox.recorded',
    ]);
    expect(passing('relay.read, inbox.recorded:2', 'relay.read')).toEqual(['relay.read']);
  });

  it.each([
    'relay.publish',
    'relay.published:0',
    'relay.published:x',
    'relay.published:-1',
    'relay.published:1x',
    '',
  ])('that is "%s" is refused', (spec) => {
    expect(() => passing(spec)).toThrow(UnknownFailpointError);
  });
});
