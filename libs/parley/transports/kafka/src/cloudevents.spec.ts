import type { Headers } from '@parley/messaging/transport';
import { pack, sizeOf, textsOf, typeOf, unpack } from './cloudevents';
import type { Incoming } from './client';

const message = (
  headers: Record<string, string>,
  value: Buffer | null = Buffer.from('{"n":1}'),
  key: Buffer | null = null,
): Incoming => ({ offset: 1, key, value, headers });

const envelope: Headers = {
  specversion: '1.0',
  id: 'x',
  type: 't.n',
  source: '/t',
  datacontenttype: 'application/json',
  partitionkey: 'Zürich',
  correlationid: 'c',
};

describe('CloudEvents over Kafka', () => {
  it('are in binary mode: ce_ headers, and the content type under its own name', () => {
    expect(pack(envelope)).toEqual({
      'content-type': 'application/json',
      ce_specversion: '1.0',
      ce_id: 'x',
      ce_type: 't.n',
      ce_source: '/t',
      ce_partitionkey: 'Zürich',
      ce_correlationid: 'c',
    });
  });

  it('come back as they were', () => {
    const came = message(pack(envelope), Buffer.from([1, 0, 255]), Buffer.from('Zürich'));
    expect(unpack(came)).toEqual({ headers: envelope, body: Buffer.from([1, 0, 255]) });
    expect(typeOf(came)).toBe('t.n');
  });

  it('take the key of a producer that knows nothing of ours for the partition key', () => {
    const { headers } = unpack(
      message({ ce_id: 'x', ce_type: 't.n', tenant: '7' }, undefined, Buffer.from('k')),
    );
    expect(headers).toEqual({ id: 'x', type: 't.n', tenant: '7', partitionkey: 'k' });
  });

  it('take no header that is there twice for one of its values', () => {
    const [one, two] = [Buffer.from('1'), Buffer.from('2')];
    const headers = textsOf({ ce_id: [one, two], ce_type: Buffer.from('t.n'), tenant: ['7'] });
    expect(unpack(message(headers)).headers).toEqual({ id: '1, 2', type: 't.n', tenant: '7' });
  });

  it('are understood in structured mode', () => {
    const structured = {
      specversion: '1.0',
      id: 'x',
      type: 't.n',
      source: '/cobol',
      sequence: 3,
      data: { n: 1 },
    };
    const { headers, body } = unpack(
      message(
        { 'content-type': 'application/cloudevents+json; charset=utf-8' },
        Buffer.from(JSON.stringify(structured)),
      ),
    );
    expect(headers).toEqual({
      specversion: '1.0',
      id: 'x',
      type: 't.n',
      source: '/cobol',
      sequence: '3',
    });
    expect(body.toString()).toBe('{"n":1}');
    const bytes = { ...structured, data: undefined, data_base64: 'AP8=' };
    expect(
      unpack(
        message(
          { 'content-type': 'application/cloudevents+json' },
          Buffer.from(JSON.stringify(bytes)),
        ),
      ).body,
    ).toEqual(Buffer.from([0, 255]));
  });

  it.each([['hello'], ['[]'], ['null'], ['']])(
    'stay as they came when "%s" is no such document',
    (text) => {
      const { headers, body } = unpack(
        message({ 'content-type': 'application/cloudevents+json' }, Buffer.from(text)),
      );
      expect([headers, body.toString()]).toEqual([
        { datacontenttype: 'application/cloudevents+json' },
        text,
      ]);
    },
  );

  it('may have no value and no headers at all', () => {
    expect(unpack(message({}, null))).toEqual({ headers: {}, body: Buffer.alloc(0) });
  });

  it('are not smaller than Kafka finds them', () => {
    expect(sizeOf(Buffer.from('key'), Buffer.alloc(100), { ce_id: 'ü' })).toBeGreaterThan(
      3 + 100 + 5 + 2,
    );
  });
});
