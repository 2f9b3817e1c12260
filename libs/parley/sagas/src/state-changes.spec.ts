import { changesOf } from './state-changes';

const nothing = { hidden: {} };

it('are the fields that differ, by their path', () => {
  const before = { stage: 'a', lines: [{ sku: 'TEA', quantity: 1 }], gone: true, same: { a: 1 } };
  const after = { stage: 'b', lines: [{ sku: 'TEA', quantity: 2 }], come: 7, same: { a: 1 } };
  expect(changesOf(nothing, before, after)).toStrictEqual([
    { field: 'stage', from: '"a"', to: '"b"' },
    { field: 'lines.0.quantity', from: '1', to: '2' },
    { field: 'gone', from: 'true' },
    { field: 'come', to: '7' },
  ]);
});

it.each([
  ['nothing becomes an object', null, { a: 1 }, 'null', '{"a":1}'],
  ['an object becomes nothing', { a: 1 }, null, '{"a":1}', 'null'],
  ['a list becomes an object', [1], { 0: 1 }, '[1]', '{"0":1}'],
])('are whole values where %s', (_, before, after, from, to) => {
  const found = changesOf(nothing, { part: before }, { part: after });
  expect(found).toEqual([{ field: 'part', from, to }]);
});

it('are none where the stored text stays', () => {
  const at = new Date(0);
  expect(changesOf(nothing, { at: at.toISOString() }, { at })).toEqual([]);
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

it('are shown beside a field that people are not shown', () => {
  const personal = { subject: 'id', fields: { 'customer.name': 'erased' } };
  const [before, after] = [{ customer: { name: 'Ada' } }, { customer: { name: 'Bob' }, seat: 1 }];
  expect(changesOf({ hidden: { personal } }, before, after)).toEqual([{ field: 'seat', to: '1' }]);
});

it('are bounded in number and in length', () => {
  const after = Object.fromEntries(Array.from({ length: 50 }, (__, n) => [n, 'x'.repeat(1_000)]));
  const found = changesOf(nothing, {}, after);
  expect(found).toHaveLength(20);
  expect(found[0]!.to).toHaveLength(200);
  const long = 'x'.repeat(500);
  expect(changesOf(nothing, { text: `${long}a` }, { text: `${long}b` })).toHaveLength(1);
  expect(changesOf(nothing, {}, { text: 'x'.repeat(198) })[0]!.to).toBe(`"${'x'.repeat(198)}"`);
});
