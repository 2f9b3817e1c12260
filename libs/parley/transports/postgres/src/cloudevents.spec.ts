import { randomBytes } from 'node:crypto';
import { UNREADABLE } from '@parley/messaging/transport';
import { packHeaders, unpackHeaders } from './cloudevents';

it('headers come out as they went in', () => {
  const headers = { id: 'a', type: 'b', 'x-ключ': '"\u0000' };
  expect(unpackHeaders(packHeaders(headers))).toEqual(headers);
});

it.each([
  ['random bytes', randomBytes(40)],
  ['nothing', Buffer.alloc(0)],
  ['null', Buffer.from('null')],
  ['a list', Buffer.from('["id"]')],
  ['values that are no text', Buffer.from('{"id":{"a":1}}')],
  ['a depth that no parser bears', Buffer.from('['.repeat(3_000_000))],
])('%s in the place of headers says so, beside what is known otherwise', (_, bytes) => {
  const { [UNREADABLE]: why, ...known } = unpackHeaders(bytes, { id: 'known' });
  expect(known).toEqual({ id: 'known' });
  expect(why).toMatch(new RegExp(`\\(${bytes.length} bytes\\)$`));
  expect(why!.length).toBeLessThan(200);
});
