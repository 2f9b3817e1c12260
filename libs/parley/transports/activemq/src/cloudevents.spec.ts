import { command } from '@parley/contract';
import type { Envelope } from '@parley/messaging';
import type { OutgoingMessage } from '@parley/messaging/transport';
import rhea, { type Message } from 'rhea';
import { z } from 'zod';
import {
  attemptOf,
  copyOf,
  deathOf,
  failureOf,
  messageOf,
  received,
  unansweredOf,
} from './cloudevents';

const contract = command('a.do-b', z.object({}));
const envelope = {
  specversion: '1.0',
  id: '1',
  type: 'a.do-b',
  time: '2026-01-01T00:00:00.500Z',
  datacontenttype: 'application/json',
} as Envelope;
const failure = {
  error: 'Error',
  message: 'no',
  stack: '',
  tries: 1,
  instance: 'i',
  firstFailedAt: 'a',
  lastFailedAt: 'b',
};
const outgoing = (more: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  contract,
  envelope,
  body: Buffer.from([0, 255, 10]),
  ...more,
});
/** As it comes out at the other end. */
const over = (message: Message): Message =>
  rhea.message.decode(rhea.message.encode(message)) as unknown as Message;

describe('CloudEvents over AMQP 1.0', () => {
  it('has attributes as application properties that JMS can name, and the usual properties', () => {
    const sent = over(messageOf(outgoing(), true));
    expect(sent).toMatchObject({
      durable: true,
      message_id: '1',
      content_type: 'application/json',
      creation_time: new Date(envelope.time),
    });
    expect(sent.application_properties).toEqual({
      cloudEvents_specversion: '1.0',
      cloudEvents_id: '1',
      cloudEvents_type: 'a.do-b',
      cloudEvents_time: envelope.time,
    });
  });

  it('reads back what it wrote, byte for byte', () => {
    expect(received(over(messageOf(outgoing(), false)))).toEqual({
      headers: envelope,
      body: Buffer.from([0, 255, 10]),
    });
  });

  it('takes no attribute in both spellings for one of them', () => {
    const both = { 'cloudEvents:id': '1', cloudEvents_id: '2', cloudEvents_type: 'a.do-b' };
    const { headers } = received(over({ application_properties: both, body: 'x' }));
    expect(headers).toEqual({ id: '1, 2', type: 'a.do-b' });
  });

  it('keeps everything of a message that comes back, and counts', () => {
    const copy = over(
      copyOf(over(messageOf(outgoing({ delay: 50 }), true)), { attempt: 3, failure }, 1_000.5),
    );
    expect(received(copy)).toEqual({ headers: envelope, body: Buffer.from([0, 255, 10]) });
    expect([attemptOf(copy), failureOf(copy)]).toEqual([3, failure]);
    expect(copy.message_annotations).toMatchObject({ 'x-opt-delivery-delay': 1_001 });
    expect(over(copyOf(copy, { attempt: 3 })).message_annotations).toBeUndefined();
  });

  it('adds the deliveries the broker counted', () => {
    expect(attemptOf({ body: '' })).toBe(1);
    const again = { body: '', delivery_count: 2, application_properties: { parley_attempt: 2 } };
    expect([attemptOf(again), unansweredOf(again)]).toEqual([2, 2]);
  });

  it.each([
    ['text', 'text', 'text'],
    ['nothing', undefined, ''],
    ['an object', { n: 1 }, '{"n":1}'],
    ['two sections', rhea.message.data_sections([Buffer.from('a'), Buffer.from('b')]), 'ab'],
  ])('reads a body that is %s', (_, body, text) => {
    expect(received({ body }).body.toString()).toBe(text);
  });

  it('reads the other prefix, other types of values, and the message id of those who know no CloudEvents', () => {
    const foreign = {
      message_id: 'm',
      application_properties: { 'cloudEvents:type': 'a.b', count: 3, list: [1], at: new Date(0) },
      body: '',
    };
    expect(received(foreign).headers).toEqual({
      id: 'm',
      type: 'a.b',
      count: '3',
      list: '[1]',
      at: '1970-01-01T00:00:00.000Z',
    });
  });

  it('reads structured mode, and leaves alone what only says it were', () => {
    const body = '{"specversion":"1.0","id":"x","type":"a.b","data":{"n":1}}';
    const structured = { content_type: 'application/cloudevents+json; charset=utf-8', body };
    expect(received(structured)).toEqual({
      headers: { specversion: '1.0', id: 'x', type: 'a.b' },
      body: Buffer.from('{"n":1}'),
    });
    expect(received({ ...structured, body: '{' }).body.toString()).toBe('{');
  });

  it('survives bookkeeping that someone else wrote', () => {
    const odd = {
      body: '',
      application_properties: { parley_attempt: 'many', parley_failure: '{' },
    };
    expect([attemptOf(odd), failureOf(odd)]).toEqual([1, undefined]);
  });

  it('tells why the broker gave a message up', () => {
    expect(
      deathOf({ body: '', message_annotations: { 'x-opt-ORIG-QUEUE': 'a.lane-01' } as never })
        .queue,
    ).toBe('a.lane-01');
    expect(
      deathOf({ body: '', message_annotations: { 'x-opt-ACTUAL-EXPIRY': 1 } as never }).reason,
    ).toBe('expired');
    expect(deathOf({ body: '' }).queue).toBe('an unknown queue');
  });
});
