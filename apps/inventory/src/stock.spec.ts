import { shortage } from './stock';

const available = new Map([
  ['TEA-0001', 3],
  ['TEA-0002', 0],
]);

describe('a shortage', () => {
  it('is none when every line can be filled', () => {
    expect(shortage([{ sku: 'TEA-0001', quantity: 3 }], available)).toBeUndefined();
  });

  it('is the first line that asks for more than there is', () => {
    expect(
      shortage(
        [
          { sku: 'TEA-0001', quantity: 4 },
          { sku: 'TEA-0002', quantity: 1 },
        ],
        available,
      ),
    ).toEqual({ sku: 'TEA-0001', reason: '4 wanted, 3 left' });
  });

  it('tells sold out from never kept', () => {
    expect(shortage([{ sku: 'TEA-0002', quantity: 1 }], available)).toEqual({
      sku: 'TEA-0002',
      reason: 'sold out',
    });
    expect(shortage([{ sku: 'TEA-0003', quantity: 1 }], available)).toEqual({
      sku: 'TEA-0003',
      reason: 'we do not keep it',
    });
  });
});
