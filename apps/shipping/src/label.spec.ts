import { drawLabel } from './label';
import { latin } from './label-text';
import { trackingNumberOf } from './parcel';

const order = {
  recipient: 'Zoë Müller',
  address: { line1: 'Gartenstraße 5', city: 'Zürich', postcode: '8001', country: 'CH' },
  lines: [{ sku: 'TEA-0042', quantity: 2 }],
  grams: 1_250,
  trackingNumber: trackingNumberOf('018f7f0e-0000-7000-8000-000000000001'),
};

/**
 * The text of an uncompressed PDF of ours: strings are written in hexadecimal, a few letters each.
 */
const textOf = (pdf: Buffer): string =>
  [...pdf.toString('latin1').matchAll(/\[((?:<[0-9a-f]*>|[-\d. ])*)\] TJ/g)]
    .map(([, parts]) =>
      [...parts!.matchAll(/<([0-9a-f]*)>/g)]
        .map(([, hex]) => Buffer.from(hex!, 'hex').toString('latin1'))
        .join(''),
    )
    .join('\n');

describe('a label', () => {
  it('is a PDF of one page that says where the parcel goes', async () => {
    const pdf = await drawLabel(order);
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
    expect(pdf.subarray(-6).toString()).toContain('%%EOF');
    expect(pdf.toString('latin1').match(/\/Type \/Page\b/g)).toHaveLength(1);
    const text = textOf(pdf);
    for (const part of [
      'Zoë Müller',
      'Gartenstraße 5',
      '8001 Zürich',
      'CH',
      'Parley Shop',
      '1.25 kg',
      '2 x TEA-0042',
    ])
      expect(text).toContain(part);
    expect(text.replaceAll(' ', '')).toContain(order.trackingNumber);
  });

  it('draws as many bars as the tracking number takes', async () => {
    const bars = (await drawLabel(order)).toString('latin1').match(/ re$/gm)!;
    expect(bars.length).toBe(1 + 3 * (1 + 2 + 1 + 6 + 1) + 3); // start, two letters, change of set, six pairs, check; stop has four
  });

  it('is drawn whatever the names are written in', async () => {
    const strange = {
      ...order,
      recipient: '李小龍 👩‍🚀 Ŧ\u0301',
      address: { ...order.address, line1: 'ул. Шипка 1', city: 'Łódź' },
    };
    expect(textOf(await drawLabel(strange))).toContain('ul. Shipka 1');
  });

  it('cuts what is too long and says how many lines it left out', async () => {
    const lines = Array.from({ length: 100 }, (_, n) => ({
      sku: `TEA-${String(n).padStart(4, '0')}`,
      quantity: 1_000,
    }));
    const pdf = await drawLabel({ ...order, recipient: 'W'.repeat(200), lines });
    expect(pdf.toString('latin1').match(/\/Type \/Page\b/g)).toHaveLength(1);
    expect(textOf(pdf)).toContain('and 94 more');
  });
});

describe('text in Latin letters', () => {
  it.each([
    ['Zoë Müller-Ångström', 'Zoë Müller-Ångström'],
    ['Łódź, Kraków', 'Lódz, Kraków'],
    ['Αθήνα', 'Athina'],
    ['Щастие', 'Shtastie'],
    ['Dvořák’s “Žižkov”', 'Dvorák\'s "Zizkov"'],
    ['ﬁne', 'fine'],
    ['李', '?'],
  ])('writes %s as %s', (text, drawn) => expect(latin(text)).toBe(drawn));
});
