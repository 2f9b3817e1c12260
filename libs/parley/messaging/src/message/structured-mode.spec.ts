import { fromStructured, toStructured } from './structured-mode';

const headers = { specversion: '1.0', id: '1', type: 'a.b' };

describe('a CloudEvent in structured mode', () => {
  it('is one JSON document that anybody can read', () => {
    expect(JSON.parse(toStructured(headers, Buffer.from('{"n":1}')))).toEqual({
      ...headers,
      data: { n: 1 },
    });
  });

  it.each([
    '{"n":1}',
    '{ "n" : 1 }',
    '{"__proto__":{"admin":true}}',
    '',
    '9007199254740993',
    '{"a":',
    '"ü\\u0000"',
    '['.repeat(3_000),
    `${'['.repeat(64)}${']'.repeat(64)}`,
  ])('brings the bytes back: %.20s', (text) => {
    expect(fromStructured(Buffer.from(toStructured(headers, Buffer.from(text))))).toEqual({
      headers,
      body: Buffer.from(text),
    });
  });

  it('brings bytes back that are no text', () => {
    const body = Buffer.from([0xff, 0xfe, 0x00, 0x7b]);
    expect(fromStructured(Buffer.from(toStructured(headers, body)))).toEqual({ headers, body });
  });

  it('reads what others write: numbers as extensions, absent attributes, no data', () => {
    const written = Buffer.from('{"specversion":"1.0","sequence":7,"subject":null,"flag":true}');
    expect(fromStructured(written)).toEqual({
      headers: { specversion: '1.0', sequence: '7', flag: 'true' },
      body: Buffer.alloc(0),
    });
  });

  it.each(['hello', '', 'null', '[]', '{"id":"1"}', '['.repeat(200_000)])(
    'leaves alone what is none: %.20s',
    (text) => {
      expect(fromStructured(Buffer.from(text))).toEqual({ headers: {}, body: Buffer.from(text) });
    },
  );
});
