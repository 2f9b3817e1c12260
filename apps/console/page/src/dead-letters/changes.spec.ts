import { changesOf, parsed } from './changes';

describe('the changes of an edited body', () => {
  it('are none where the same is only written differently', () => {
    expect(changesOf({ a: 1, b: [1, { c: null }] }, { b: [1, { c: null }], a: 1 })).toEqual([]);
  });

  it('name the field by its path, with its value before and after', () => {
    const before = { customer: { name: 'Ada' }, lines: [{ quantity: 1 }, { quantity: 2 }] };
    const after = { customer: { name: 'Ada L' }, lines: [{ quantity: 1 }, { quantity: 3 }] };
    expect(changesOf(before, after)).toEqual([
      { path: 'customer.name', kind: 'changed', before: '"Ada"', after: '"Ada L"' },
      { path: 'lines.1.quantity', kind: 'changed', before: '2', after: '3' },
    ]);
  });

  it('name fields that came and went, whole', () => {
    expect(changesOf({ a: { b: 1 }, n: null }, { c: [1], n: null })).toEqual([
      { path: 'a', kind: 'removed', before: '{"b":1}' },
      { path: 'c', kind: 'added', after: '[1]' },
    ]);
  });

  it('tell a list from an object, null from nothing, and a document from another', () => {
    expect(changesOf({ a: [] }, { a: {} })).toMatchObject([{ path: 'a', kind: 'changed' }]);
    expect(changesOf({ a: null }, { a: {} })).toMatchObject([{ before: 'null', after: '{}' }]);
    expect(changesOf('text', { a: 1 })).toMatchObject([{ path: '', before: '"text"' }]);
  });

  it('know fields that every object has by name', () => {
    expect(changesOf({}, { constructor: 1 })).toEqual([
      { path: 'constructor', kind: 'added', after: '1' },
    ]);
  });
});

describe('a body that is edited', () => {
  it('is JSON, or is told what is wrong with it', () => {
    expect(parsed('{"a":1}')).toEqual({ value: { a: 1 } });
    expect(parsed('{"a":')).toEqual({ problem: expect.stringMatching(/^This is no JSON: ./) });
  });
});
