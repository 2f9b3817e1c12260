import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Program } from '../program.mjs';

const app = new Program();
after(() => app.kill());

test('an order and its message commit together; what fails is a dead letter until it is replayed', async () => {
  await app.ready();
  const isInvoiced = (id) => (orders) => orders.find((order) => order.id === id)?.invoice;

  await app.ask('/orders', { id: 'small', cents: 5_000 });
  await app.eventually('/orders', isInvoiced('small'));

  // Its transaction is rolled back after the message was sent: neither is there.
  await assert.rejects(app.ask('/orders', { id: 'huge', cents: 5_000_000 }), /too much/);

  await app.ask('/orders', { id: 'large', cents: 500_000 });
  const letters = await app.eventually('/dead-letters', ({ length }) => length > 0);
  assert.deepEqual(
    letters.map(({ contract, error }) => [contract, error]),
    [['shop.write-invoice', 'the printer is off']],
  );

  await app.ask('/printer', {});
  await app.ask(`/dead-letters/${letters[0].id}/replay`, {});
  const orders = await app.eventually('/orders', isInvoiced('large'));
  assert.deepEqual(orders, [
    { id: 'large', cents: 500_000, invoice: 'invoice of large' },
    { id: 'small', cents: 5_000, invoice: 'invoice of small' },
  ]);
  assert.deepEqual(await app.ask('/dead-letters'), []);
  await app.stop();
});
