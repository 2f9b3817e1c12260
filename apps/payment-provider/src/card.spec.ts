import { behaviourOf } from './card';

const keys = Array.from({ length: 400 }, (_, n) => `order-${n}:charge`);

describe('a card', () => {
  it('captures, or declines with a reason', () => {
    expect(behaviourOf('tok_ok', 'k')).toEqual({ outcome: 'captured' });
    expect(behaviourOf('tok_declined', 'k')).toEqual({
      outcome: 'declined',
      reason: 'insufficient funds',
    });
    expect(behaviourOf('stolen', 'k')).toEqual({ outcome: 'declined', reason: 'unknown card' });
  });

  it('fails once or twice before it captures when it is flaky', () => {
    expect(new Set(keys.map((key) => behaviourOf('tok_flaky', key).failsFirst))).toEqual(
      new Set([1, 2]),
    );
  });

  it('captures about three quarters of the unknown outcomes, and never says which', () => {
    const unknown = keys.map((key) => behaviourOf('tok_unknown', key));
    const captured = unknown.filter(({ outcome }) => outcome === 'captured').length;
    expect(captured).toBeGreaterThan(260);
    expect(captured).toBeLessThan(340);
    expect(unknown.every(({ silence }) => silence !== undefined)).toBe(true);
  });

  it('does the same for the same key each time', () => {
    for (const key of keys)
      expect(behaviourOf('tok_unknown', key)).toEqual(behaviourOf('tok_unknown', key));
  });
});
