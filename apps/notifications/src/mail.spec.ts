import { mailOfRejection, mailOfShipment } from './mail';

const orderId = '018f7f0e-0000-7000-8000-0000000abcde';
const customer = {
  name: 'Zoë <script>alert("1")</script> & Söhne',
  email: 'zoe@example.com',
  address: { line1: 'Am Markt 1', city: 'Jena', postcode: '07743', country: 'DE' },
};
const shipped = { orderId, customer, total: 123_456, trackingNumber: 'PL641133658579' };

describe('a mail', () => {
  it('about a shipment says where it goes, its tracking number and what it cost', () => {
    const mail = mailOfShipment(shipped);
    expect(mail.subject).toBe('Your order 000ABCDE is on its way');
    for (const part of [
      'Zoë',
      'Am Markt 1, 07743 Jena (DE)',
      'PL641133658579',
      '€ 1234.56',
      orderId,
    ])
      expect(mail.text).toContain(part);
    expect(mail.to).toEqual({ name: customer.name, address: 'zoe@example.com' });
  });

  it('about a rejection says why, and that nothing is charged', () => {
    const { text } = mailOfRejection({
      orderId,
      customer,
      total: 500,
      reason: 'TEA-0042 is out of stock',
    });
    expect(text).toContain('because TEA-0042 is out of stock');
    expect(text).toContain('Nothing is charged');
  });

  it('has the same Message-ID each time it is written', () => {
    expect(mailOfShipment(shipped).messageId).toBe(`<${orderId}@parley.example>`);
    expect(mailOfShipment(shipped)).toEqual(mailOfShipment(shipped));
  });

  it('escapes what customers typed', () => {
    const { html, text } = mailOfShipment(shipped);
    expect(html).toContain('Zoë &lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; Söhne');
    expect(html).not.toContain('<script>');
    expect(text).toContain(customer.name);
  });
});
