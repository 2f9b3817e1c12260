import { Bulkhead } from './bulkhead';

it('a bulkhead refuses at once what is beyond its bound, until one has left', () => {
  const bulkhead = new Bulkhead(2);
  expect([bulkhead.enter(), bulkhead.enter(), bulkhead.enter()]).toEqual([true, true, false]);
  expect(bulkhead.inFlight).toBe(2);
  bulkhead.leave();
  expect([bulkhead.enter(), bulkhead.enter()]).toEqual([true, false]);
});
