import { ParkedLanes } from './parked-lane-cache';

describe('lanes thought to be parked', () => {
  it('are told apart by subscription and key', () => {
    const lanes = new ParkedLanes();
    lanes.add('orders.fulfilment', 'a');
    expect([
      lanes.has('orders.fulfilment', 'a'),
      lanes.has('orders.fulfilment', 'b'),
      lanes.has('orders.read-model', 'a'),
    ]).toEqual([true, false, false]);
    lanes.delete('orders.fulfilment', 'a');
    expect(lanes.has('orders.fulfilment', 'a')).toBe(false);
  });

  it('are forgotten when there are too many: the acknowledgement finds out', () => {
    const lanes = new ParkedLanes();
    for (let n = 0; n < 10_000; n++) lanes.add('orders', String(n));
    expect([lanes.has('orders', '0'), lanes.has('orders', '9999')]).toEqual([true, true]);
    lanes.add('orders', '10000');
    expect([lanes.has('orders', '0'), lanes.has('orders', '10000')]).toEqual([false, true]);
  });
});
