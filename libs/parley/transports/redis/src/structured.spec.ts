import { decode, encode } from './structured';

const headers = { specversion: '1.0', id: '1', type: 'catalog.price-changed' };

describe('a CloudEvent in structured JSON mode', () => {
  it.each([
    ['JSON', '{"sku":"a","price":{"minor":100}}'],
    ['JSON with NUL, a fish and a number too exact for a double', '{"a":"\\u0000","b":"🐟","c":12345678901234567890}'],
    ['JSON with spaces', '{ "a" : 1 }'],
    ['JSON with a __proto__ key', '{"__proto__":{"admin":true}}'],
    ['nothing', ''],
    ['no JSON', 'price'],
  ])('gives %s back byte for byte', (_, text) => {
    expect(decode(encode(headers, Buffer.from(text)))).toEqual({ headers, body: Buffer.from(text) });
  });

  it('gives bytes that are no text back', () => {
    const body = Buffer.from([0, 255, 0xc3, 0x28]);
    expect(decode(encode(headers, body)).body.equals(body)).toBe(true);
  });

  it('is plain JSON to others', () => {
    expect(JSON.parse(encode(headers, Buffer.from('{"sku":"a"}')))).toEqual({ ...headers, data: { sku: 'a' } });
    expect(JSON.parse(encode(headers, Buffer.from('?')))).toEqual({ ...headers, data_base64: 'Pw==' });
  });

  it('refuses what is no CloudEvent', () => {
    expect(() => decode('{"pattern":"x","data":1}')).toThrow('specversion');
    expect(() => decode('hello')).toThrow(SyntaxError);
  });
});
