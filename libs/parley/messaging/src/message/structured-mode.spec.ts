import { fromStructured, toStructured } from './structured-mode';

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
const headers = { specversion: '1.0', id: '1', type: 'a.b' };

describe('a CloudEvent in structured mode', () => {
  it('is one JSON document that anybody can read', () => {
    expect(JSON.parse(toStructured(headers, Buffer.from('{"n":1}')))).toEqual({
      ...headers,
      data: { n: 1 },
    });
  });

  it('is one without attributes, too', () => {
    expect(JSON.parse(toStructured({}, Buffer.from('{"n":1}')))).toEqual({ data: { n: 1 } });
  });

  it.each<[string, object]>([
    [nested(63), { data: expect.any(Array) as unknown }],
    [nested(64), { data_base64: Buffer.from(nested(64)).toString('base64') }],
    ['{ "n" : 1 }', { data_base64: 'eyAibiIgOiAxIH0=' }],
    ['{"n":', { data_base64: 'eyJuIjo=' }],
  ])('has JSON in it where any reader takes it and gives the same bytes: %.20s', (text, data) => {
    expect(JSON.parse(toStructured({}, Buffer.from(text)))).toEqual(data);
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
    nested(64),
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

  it.each([
    ['{"specversion":"1.0","data":null}', 'null'],
    ['{"specversion":"1.0","data_base64":null,"data":[1]}', '[1]'],
    [`{"specversion":"1.0","data":${nested(63)}}`, nested(63)],
  ])('reads its data as it is: %.60s', (written, data) => {
    expect(fromStructured(Buffer.from(written))).toEqual({
      headers: { specversion: '1.0' },
      body: Buffer.from(data),
    });
  });

  it.each([
    `{"specversion":"1.0","data":${nested(64)}}`,
    'hello',
    '',
    'null',
    '[]',
    '{"id":"1"}',
    '['.repeat(200_000),
  ])('leaves alone what is none: %.20s', (text) => {
    expect(fromStructured(Buffer.from(text))).toEqual({ headers: {}, body: Buffer.from(text) });
  });
});
