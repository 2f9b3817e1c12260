import { randomBytes } from 'node:crypto';
import { packHeaders, unpackHeaders } from './queue-message';

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
])('%s in the place of headers are none', (_, bytes) => expect(unpackHeaders(bytes)).toEqual({}));
