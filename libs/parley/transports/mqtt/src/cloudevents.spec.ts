import { broadcast } from '@parley/contract';
import { z } from 'zod';
import { Address } from './address';
import { read, write } from './cloudevents';
import { filterOf, topicFor } from './topic';

const headers = { specversion: '1.0', id: '1', type: 'a.b', datacontenttype: 'application/json' };
const body = Buffer.from([0, 255, 10]);

describe('CloudEvents over MQTT', () => {
  it('has attributes as user properties, and the data as it is', () => {
    expect(write(headers, body, 'binary')).toEqual({
      payload: body,
      properties: {
        contentType: 'application/json',
        userProperties: { specversion: '1.0', id: '1', type: 'a.b' },
      },
    });
  });

  it.each([
    ['binary', headers],
    ['structured', headers],
    ['binary', { ...headers, correlationid: 'two\nlines' }],
    ['binary', { ...headers, correlationid: 'none: \uffff\ufdd0\u{1fffe}' }],
    ['binary', { ...headers, correlationid: 'é'.repeat(32_768) }],
  ] as const)('reads back what it wrote, in %s mode', (mode, written) => {
    const { payload, properties } = write(written, body, mode);
    expect(read(payload, properties)).toEqual({ headers: written, body });
  });

  it('reads a document of a client without properties', () => {
    expect(read(Buffer.from('{"specversion":"1.0","id":"1","type":"a.b","data":{"n":1}}'))).toEqual(
      {
        headers: { specversion: '1.0', id: '1', type: 'a.b' },
        body: Buffer.from('{"n":1}'),
      },
    );
    expect(read(Buffer.from('hello')).headers).toEqual({});
  });

  it('takes no property that is there twice for one of its values', () => {
    expect(read(body, { userProperties: { type: ['a', 'b'] } }).headers).toEqual({ type: 'a, b' });
  });
});

describe('a topic', () => {
  const contract = broadcast('shipping.topic-tried', z.object({}));
  const topic = (payload: string, by?: string) =>
    topicFor(
      { contract, envelope: {} as never, body: Buffer.from(payload) },
      new Address(`mqtt://h${by ? `?by=${by}` : ''}`),
    );

  it('is the contract’s, or one below for each value of a field', () => {
    expect(topic('{"id":"x"}')).toBe('parley/shipping/topic-tried');
    expect(topic('{"id":"x"}', 'id')).toBe('parley/shipping/topic-tried/x');
    expect(topic('{"id":7}', 'id')).toBe('parley/shipping/topic-tried/7');
    expect(filterOf(contract.name)).toBe('parley/shipping/topic-tried/#');
  });

  it('is the contract’s where there is no such field, or its value too long', () => {
    expect(topic(JSON.stringify({ id: 'é'.repeat(11_000) }), 'id')).toBe(
      'parley/shipping/topic-tried',
    );
    expect([topic('{}', 'id'), topic('{', 'id'), topic('null', 'id')]).toEqual(
      Array(3).fill('parley/shipping/topic-tried'),
    );
  });

  it('has one level for a value, whatever is in it', () => {
    expect(topic('{"id":"a/+#\\u0000b"}', 'id')).toBe('parley/shipping/topic-tried/a%2F%2B%23%00b');
    expect(topic('{"id":"a\\ud800b"}', 'id')).toBe('parley/shipping/topic-tried/a%EF%BF%BDb');
  });
});
