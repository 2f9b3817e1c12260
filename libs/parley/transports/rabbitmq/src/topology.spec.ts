import { laneOf, laneQueues, LONGEST_WAIT, rungOf, RUNGS } from './topology';

describe('the topology of an owner', () => {
  it('finds the lane of a key as any CRC-32 does', () => {
    // CRC-32 of "123456789" is the checksum's own test value, cbf43926.
    expect(laneOf('inventory', '123456789')).toBe(`inventory.lane-0${0xcbf43926 % 16}`);
    expect(laneQueues('inventory')).toContain(laneOf('inventory', 'ключ 🐟'));
  });

  it('spreads keys over all lanes', () => {
    const lanes = new Set(Array.from({ length: 400 }, (_, n) => laneOf('inventory', `order-${n}`)));
    expect(lanes.size).toBe(16);
  });

  it('puts a delay on the rung where it meets only delays less than twice its own', () => {
    expect(rungOf('inventory', 20)).toBe('inventory.delay.1s');
    expect(rungOf('inventory', 1_000)).toBe('inventory.delay.1s');
    expect(rungOf('inventory', 1_999)).toBe('inventory.delay.1s');
    expect(rungOf('inventory', 2_000)).toBe('inventory.delay.2s');
    expect(rungOf('inventory', 60_000)).toBe('inventory.delay.32s');
    expect(rungOf('inventory', LONGEST_WAIT)).toBe(`inventory.delay.${RUNGS.at(-1)}s`);
  });
});
