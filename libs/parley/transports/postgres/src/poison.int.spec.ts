import { poisonRun } from './poison.fixture';

// How little other lanes suffer is measured by `npm run bench -- poison`, on a machine that does
// nothing else.
describe('a poison event among others', () => {
  it('parks its lane in order while all other lanes go on; mended and replayed, the lane goes on in order, each effect once', async () => {
    const { parked, faults, handled } = await poisonRun({
      events: 600,
      keys: 20,
      rate: 300,
      poison: true,
    });
    expect(faults).toEqual([]);
    expect(parked).toBe(14);
    expect(handled).toBe(600);
  }, 120_000);
});
