import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Program } from '../program.mjs';

const first = new Program();
/** @type {Program | undefined} */
let second;
after(() => {
  first.kill();
  second?.kill();
});

test('a seat that nobody paid is free again, although the process was killed meanwhile', async () => {
  await first.ready();
  const { bookingId } = await first.ask('/bookings/A1', undefined, 'POST');
  await first.ask('/bookings/B2', undefined, 'POST');
  await first.ask(`/bookings/${bookingId}/payment`, undefined, 'POST');
  await first.line(/^ticket for seat A1$/);
  await first.eventually('/bookings', (/** @type {object[]} */ bookings) => bookings.length === 2);
  await first.stop('SIGKILL');

  second = await new Program().ready();
  await second.line(/^seat B2 is free again$/);
  /** @type {{ stage: string }[]} */
  const bookings = await second.ask('/bookings');
  assert.deepEqual(bookings.map(({ stage }) => stage).sort(), ['expired', 'paid']);
  await second.stop();
});
