import { randomBytes } from 'node:crypto';
import { UNREADABLE } from '@parley/messaging/transport';
import { channelOf, laneOf, messageId, newToken, packHeaders, unpackHeaders } from './cloudevents';

it('headers come out as they went in', () => {
  const headers = { id: 'a', type: 'b', 'x-ключ': '"\u0000' };
  expect(unpackHeaders(packHeaders(headers))).toEqual(headers);
});

it.each([
  ['random bytes', randomBytes(40)],
  ['nothing', Buffer.alloc(0)],
  ['null', Buffer.from('null')],
  ['a number', Buffer.from('5')],
  ['a text', Buffer.from('"id"')],
  ['a list', Buffer.from('["id"]')],
  ['values that are no text', Buffer.from('{"id":{"a":1}}')],
  ['values some of which are no text', Buffer.from('{"id":"a","type":1}')],
  ['a depth that no parser bears', Buffer.from('['.repeat(3_000_000))],
])('%s in the place of headers says so, beside what is known otherwise', (_, bytes) => {
  const { [UNREADABLE]: why, ...known } = unpackHeaders(bytes, { id: 'known' });
  expect(known).toEqual({ id: 'known' });
  expect(why).toMatch(new RegExp(`\\(${bytes.length} bytes\\)$`));
  expect(why!.length).toBeLessThan(200);
});

it('the first bytes of unreadable headers are kept as a sample', () => {
  const sample = Array.from({ length: 100 }, (_, n) => String(n % 10)).join('');
  expect(unpackHeaders(Buffer.from(`${sample} and more`))).toEqual({
    [UNREADABLE]: `${sample} (109 bytes)`,
  });
});

it('the lane of a key is the same for every version: messages wait in it', () => {
  expect(laneOf('order-1')).toBe('-8381231748694775412');
});

it('a token is a positive number that differs each time, and never 0, which means no holder', () => {
  const tokens = Array.from({ length: 100 }, newToken);
  expect(new Set(tokens).size).toBe(tokens.length);
  for (const token of tokens.map(BigInt)) {
    expect(token).toBeGreaterThan(0n);
    expect(token).toBeLessThan(2n ** 63n);
  }
});

describe('the id of a message', () => {
  const UUID = '0190aa3e-1a10-7cd5-98B1-8E98D9C1F00D';

  it('stays as it is when it is a UUID', () => {
    expect(messageId({ id: UUID }, Buffer.from('{}'))).toBe(UUID);
  });

  it('that is no UUID is its hash, the same for every version', () => {
    expect(messageId({ id: 'abc' })).toBe('ba7816bf-8f01-cfea-4141-40de5dae2223');
    expect(messageId({})).toBe('e3b0c442-98fc-1c14-9afb-f4c8996fb924'); // of an empty text
  });

  it.each([`${UUID}0`, `0${UUID}`])('that is no UUID fits into the tables: %s', (id) => {
    expect(messageId({ id })).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  it('that many have is another one for each that is kept', () => {
    const kept = (type: string, body: string) => messageId({ id: 'abc', type }, Buffer.from(body));
    expect(new Set([kept('a', '1'), kept('a', '2'), kept('b', '1')]).size).toBe(3);
    expect(kept('a', '1')).toBe(kept('a', '1'));
  });
});

it('each queue has a channel of its own, whose name PostgreSQL does not cut off', () => {
  const longest = 'q'.repeat(48);
  expect(channelOf(longest)).toBe(`parley_queue_${longest}`);
  expect(channelOf(`${longest}1`)).toMatch(/^parley_queue_[0-9a-f]{32}$/);
  expect(channelOf(`${longest}1`)).not.toBe(channelOf(`${longest}2`));
});
