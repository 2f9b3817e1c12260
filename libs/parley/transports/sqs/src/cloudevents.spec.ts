import type { Message } from '@aws-sdk/client-sqs';
import {
  attemptOf,
  contentOf,
  copyOf,
  deliveriesOf,
  failureOf,
  isSuspect,
  MAX_MESSAGE_BYTES,
  sqsMessageOf,
  remainingOf,
  sizeOf,
} from './cloudevents';

const headers = { specversion: '1.0', id: '1', type: 'a.b' };
const failure = {
  error: 'Error',
  message: 'no',
  stack: 'at x',
  tries: 1,
  instance: 'i',
  firstFailedAt: 'a',
  lastFailedAt: 'b',
};

const received = (
  { MessageBody, MessageAttributes }: ReturnType<typeof sqsMessageOf>,
  count = 1,
): Message => ({
  Body: MessageBody,
  MessageAttributes,
  Attributes: { ApproximateReceiveCount: String(count) },
});

describe('a command as SQS has it', () => {
  it('is one CloudEvents document that anybody can read', () => {
    const parcel = sqsMessageOf(headers, Buffer.from('{"n":1}'));
    expect(JSON.parse(parcel.MessageBody)).toEqual({ ...headers, data: { n: 1 } });
    expect(parcel.MessageAttributes).toEqual({
      'content-type': {
        DataType: 'String',
        StringValue: 'application/cloudevents+json; charset=UTF-8',
      },
    });
  });

  it('comes back as it was, with its bookkeeping', () => {
    const message = received(
      sqsMessageOf(headers, Buffer.from('{ }'), { attempt: 3, failure, remaining: 5 }),
      2,
    );
    expect(contentOf(message)).toEqual({ headers, body: Buffer.from('{ }') });
    expect([attemptOf(message), failureOf(message), remainingOf(message)]).toEqual([3, failure, 5]);
    expect([deliveriesOf(message), isSuspect(message)]).toEqual([4, false]);
    expect(isSuspect({ ...message, Attributes: { ApproximateReceiveCount: '3' } })).toBe(true);
  });

  it('has no character that SQS refuses', () => {
    const { MessageBody } = sqsMessageOf(
      { ...headers, subject: '\ufffe\uffff\u0000' },
      Buffer.from('"\uffff"'),
    );
    expect(MessageBody).not.toMatch(/[\ufffe\uffff\u0000]/);
    expect(contentOf({ Body: MessageBody })).toEqual({
      headers: { ...headers, subject: '\ufffe\uffff\u0000' },
      body: Buffer.from('"\uffff"'),
    });
  });

  it('keeps what others attached, when it is copied', () => {
    const foreign = {
      Body: '{}',
      MessageAttributes: {
        shop: { DataType: 'String', StringValue: 'x' },
        'x-attempt': { DataType: 'Number', StringValue: '2' },
      },
    };
    expect(copyOf(foreign, { remaining: 7 }).MessageAttributes).toEqual({
      shop: foreign.MessageAttributes.shop,
      'x-remaining': { DataType: 'Number', StringValue: '7' },
    });
  });

  it('leaves the stack behind where a copy would be too large', () => {
    const large = received(
      sqsMessageOf(headers, Buffer.from(JSON.stringify('x'.repeat(MAX_MESSAGE_BYTES - 1_000)))),
    );
    const copy = copyOf(large, { failure: { ...failure, stack: 'x'.repeat(8_000) } });
    expect(sizeOf(copy)).toBeLessThan(MAX_MESSAGE_BYTES);
    expect(failureOf(received(copy))).toEqual({ ...failure, stack: '' });
  });

  it.each([
    ['nothing', {}],
    ['a text', { Body: 'hello' }],
    [
      'odd bookkeeping',
      {
        Body: '{}',
        MessageAttributes: {
          'x-attempt': { DataType: 'String', StringValue: 'many' },
          'x-failure': { DataType: 'String', StringValue: '{' },
        },
      },
    ],
  ])('is read without an error from %s', (_, message) => {
    expect(contentOf(message)).toEqual({
      headers: {},
      body: Buffer.from((message as Message).Body ?? ''),
    });
    expect([attemptOf(message), failureOf(message), remainingOf(message)]).toEqual([
      1,
      undefined,
      0,
    ]);
  });
});
