import { changesOf } from './state-changes';

const nothing = { hidden: {} };

it('are the fields that differ, by their path', () => {
  const before = { stage: 'a', lines: [{ sku: 'TEA', quantity: 1 }], gone: true, same: { a: 1 } };
  const after = { stage: 'b', lines: [{ sku: 'TEA', quantity: 2 }], come: 7, same: { a: 1 } };
  expect(changesOf(nothing, before, after)).toEqual([
    { field: 'stage', from: '"a"', to: '"b"' },
    { field: 'lines.0.quantity', from: '1', to: '2' },
    { field: 'gone', from: 'true' },
    { field: 'come', to: '7' },
  ]);
});

it.each([
  ['changed', { customer: { name: 'Ada' } }, { customer: { name: 'Bob' } }],
  ['new, with all around it', {}, { customer: { name: 'Bob' } }],
  ['gone, with all around it', { customer: { name: 'Ada' } }, {}],
])('leave out a field that people are not shown: %s', (_, before, after) => {
  const personal = { subject: 'id', fields: { 'customer.name': 'erased' } };
  expect(changesOf({ hidden: { personal } }, before, after)).toEqual([]);
  const secret = { fields: { customer: 'expired' }, life: 3_600_000 };
  expect(changesOf({ hidden: { secret } }, before, after)).toEqual([]);
});

it('are text that every store takes, where a value is cut and where a field is named oddly', () => {
  const after = { note: `${'x'.repeat(197)}🛫 and on`, of: { 'a\0': 1, 'b\ud83d': 2 } };
  const found = changesOf(nothing, { of: {} }, after);
  expect(found.map(({ field }) => field)).toEqual(['of.a\ufffd', 'of.b\ufffd', 'note']);
  expect(found[2]!.to).toBe(`"${'x'.repeat(197)}\ufffd…`);
});

it('are bounded in number and in length', () => {
  const after = Object.fromEntries(Array.from({ length: 50 }, (__, n) => [n, 'x'.repeat(1_000)]));
  const found = changesOf(nothing, {}, after);
  expect(found).toHaveLength(20);
  expect(found[0]!.to).toHaveLength(200);
});
