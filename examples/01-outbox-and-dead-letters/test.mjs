import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Program } from '../program.mjs';

/** @typedef {{ id: string, cents: number, invoice?: string }} Order */
/** @typedef {{ id: string, headers: { type: string }, failure: { message: string } }} Letter */

const app = new Program(undefined, undefined, { OPERATORS_TOKEN: 'secret' });
after(() => app.kill());

test('an order and its message commit together; what fails is a dead letter until it is replayed', async () => {
  await app.ready();
  /** @type {(id: string) => (orders: Order[]) => string | undefined} */
  const isInvoiced = (id) => (orders) => orders.find((order) => order.id === id)?.invoice;

  await app.ask('/orders', { id: 'small', cents: 5_000 });
  await app.eventually('/orders', isInvoiced('small'));

  // Its transaction is rolled back after the message was sent: neither is there.
  await assert.rejects(app.ask('/orders', { id: 'huge', cents: 5_000_000 }), /too much/);

  await app.ask('/orders', { id: 'large', cents: 500_000 });
  await assert.rejects(app.ask('/operations/dead-letters'), /403/);
  app.headers = { authorization: 'Bearer secret' };
  const { deadLetters } = await app.eventually(
    '/operations/dead-letters',
    (/** @type {{ deadLetters: Letter[] }} */ found) => found.deadLetters.length > 0,
  );
  assert.deepEqual(
    deadLetters.map(({ headers, failure }) => [headers.type, failure.message]),
    [['shop.write-invoice', 'the printer is off']],
  );

  await app.ask('/printer', {});
  await app.ask(`/operations/dead-letters/${deadLetters[0]?.id}/replay`, {});
  const orders = await app.eventually('/orders', isInvoiced('large'));
  assert.deepEqual(orders, [
    { id: 'large', cents: 500_000, invoice: 'invoice of large' },
    { id: 'small', cents: 5_000, invoice: 'invoice of small' },
  ]);
  assert.deepEqual((await app.ask('/operations/dead-letters')).deadLetters, []);
  await app.stop();
});
