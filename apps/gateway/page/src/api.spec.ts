import { sentencesOf } from './api';

const lines = [
  { sku: 'TEA-0001', quantity: 1 },
  { sku: 'COF-0003', quantity: 5_000 },
];

describe('a problem', () => {
  it('is told in sentences that name what the customer knows', () => {
    expect(
      sentencesOf(
        {
          title: 'This cannot be taken as it is',
          detail: 'Nothing was done.',
          errors: [
            { field: 'lines.1.quantity', message: 'is more than 1000' },
            { field: 'lines.0.sku', message: 'TEA-0001 is not sold here' },
            { field: 'customer.email', message: 'is no address' },
            { field: 'lines', message: 'come to too much' },
          ],
        },
        lines,
      ),
    ).toEqual([
      'This cannot be taken as it is.',
      'Nothing was done.',
      'quantity of COF-0003: is more than 1000.',
      'TEA-0001: TEA-0001 is not sold here.',
      'email: is no address.',
      'lines: come to too much.',
    ]);
  });

  it('without a title is a sentence, too', () => {
    expect(sentencesOf({})).toEqual(['The shop cannot do this now.']);
  });
});
