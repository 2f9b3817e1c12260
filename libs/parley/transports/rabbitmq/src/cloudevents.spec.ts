import type { ConsumeMessage } from 'amqplib';
import {
  attemptOf,
  copyOf,
  deathOf,
  deliveriesOf,
  failureOf,
  headersOf,
  isSuspect,
  propertiesOf,
  remainingOf,
} from './cloudevents';

const received = (properties: object): ConsumeMessage =>
  ({ content: Buffer.alloc(0), fields: {}, properties: { headers: {}, ...properties } }) as never;
const failure = {
  error: 'Error',
  message: 'no',
  stack: '',
  tries: 1,
  instance: 'i',
  firstFailedAt: 'a',
  lastFailedAt: 'b',
};

describe('CloudEvents over AMQP', () => {
  const headers = {
    id: '1',
    type: 'a.b',
    time: '2026-01-01T00:00:00.500Z',
    datacontenttype: 'application/json',
  };

  it('has attributes as prefixed headers and the usual properties', () => {
    expect(propertiesOf(headers)).toEqual({
      persistent: true,
      mandatory: true,
      messageId: '1',
      contentType: 'application/json',
      timestamp: 1_767_225_600,
      headers: {
        'cloudEvents:id': '1',
        'cloudEvents:type': 'a.b',
        'cloudEvents:time': headers.time,
      },
    });
  });

  it('reads back what it wrote, without the bookkeeping', () => {
    const written = received(propertiesOf(headers, { attempt: 3, failure, remaining: 5 }));
    expect(headersOf(written)).toEqual(headers);
    expect([attemptOf(written), failureOf(written), remainingOf(written)]).toEqual([3, failure, 5]);
  });

  it('takes no attribute in both spellings for one of them', () => {
    const both = { 'cloudEvents:id': '1', cloudEvents_id: '2', 'cloudEvents:type': 'a.b' };
    expect(headersOf(received({ messageId: '3', headers: both }))).toEqual({
      id: '1, 2',
      type: 'a.b',
    });
  });

  it('adds the deliveries the broker counted', () => {
    expect(attemptOf(received({}))).toBe(1);
    const again = (count: number) =>
      received({ headers: { 'x-attempt': 2, 'x-delivery-count': count } });
    expect([attemptOf(again(1)), deliveriesOf(again(1)), isSuspect(again(1))]).toEqual([
      2,
      3,
      false,
    ]);
    expect([attemptOf(again(2)), deliveriesOf(again(2)), isSuspect(again(2))]).toEqual([
      2,
      4,
      true,
    ]);
  });

  it('reads the other prefix, other types of values, and the message id of those who know no CloudEvents', () => {
    const foreign = received({
      messageId: 'm',
      headers: {
        cloudEvents_type: 'a.b',
        count: 3,
        list: [1],
        'x-death': [{}],
        bytes: Buffer.from('é'),
      },
    });
    expect(headersOf(foreign)).toEqual({
      id: 'm',
      type: 'a.b',
      count: '3',
      list: '[1]',
      bytes: 'é',
    });
  });

  it('survives bookkeeping that someone else wrote', () => {
    const odd = received({
      headers: { 'x-attempt': 'many', 'x-failure': '{', 'x-remaining': Infinity },
    });
    expect([attemptOf(odd), failureOf(odd), remainingOf(odd)]).toEqual([1, undefined, 0]);
  });

  it('copies a message without what the broker noted on it, so that the broker sees no cycle', () => {
    const copy = copyOf(
      received({
        messageId: '1',
        expiration: '5',
        headers: { 'cloudEvents:id': '1', 'x-death': [{}], 'x-delivery-count': 4, 'x-attempt': 1 },
      }),
      { attempt: 2 },
    );
    expect(copy).toMatchObject({
      messageId: '1',
      persistent: true,
      headers: { 'cloudEvents:id': '1', 'x-attempt': 2 },
    });
    expect(Object.keys(copy.headers as object)).toEqual(['cloudEvents:id', 'x-attempt']);
    expect(copy.expiration).toBeUndefined();
  });

  it('tells why the broker gave a message up', () => {
    const death = {
      reason: 'delivery_limit',
      queue: 'a.lane-01',
      time: { '!': 'timestamp', value: 1_767_225_600 },
    };
    expect(deathOf(received({ headers: { 'x-death': [death] } }))).toEqual({
      reason: 'delivery_limit',
      queue: 'a.lane-01',
      at: new Date('2026-01-01'),
    });
    expect(deathOf(received({})).reason).toBe('unknown');
  });
});
