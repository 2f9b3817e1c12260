import { z } from 'zod';
import { broadcast, call, stream } from './contract';
import { schemaOf } from './contract-schema';
import { openApiOf } from './open-api';

const Ask = call('night-shop.ask-price', {
  request: z.object({ sku: z.string().max(5) }),
  reply: z.object({ price: z.int() }),
  errors: { 'unknown-sku': z.object({ sku: z.string() }) },
  deadline: '2s',
  idempotent: true,
});
const Told = broadcast('night-shop.price-told', z.object({ sku: z.string() }));

it('shows the calls of an owner, and no other contract', () => {
  const document = openApiOf('night-shop', [schemaOf(Told), schemaOf(Ask)]);
  expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'night-shop' } });
  expect(Object.keys(document.paths)).toEqual(['/night_shop.NightShop/AskPrice']);
});

it('shows request, reply and errors by their schemas', () => {
  const { paths } = openApiOf('night-shop', [schemaOf(Ask)]);
  expect(paths['/night_shop.NightShop/AskPrice']!.post).toMatchObject({
    operationId: 'night-shop.ask-price',
    description: 'Answered within 2000 ms. May be repeated: idempotent.',
    requestBody: {
      required: true,
      content: { 'application/json': { schema: schemaOf(Ask).payload } },
    },
    responses: { '200': { content: { 'application/json': { schema: schemaOf(Ask).reply } } } },
  });
  expect(JSON.stringify(paths)).toContain('"const":"unknown-sku"');
});

it('shows a stream as frames, with its errors in the last one', () => {
  const Watch = stream('night-shop.watch-prices', {
    request: z.object({ sku: z.string() }),
    item: z.object({ price: z.int() }),
    errors: { 'unknown-sku': z.object({ sku: z.string() }) },
    deadline: '1m',
    silence: '5s',
  });
  const { post } = openApiOf('night-shop', [schemaOf(Watch)]).paths[
    '/night_shop.NightShop/WatchPrices'
  ]!;
  expect(post).toMatchObject({
    description:
      'A stream: items within 60000 ms, none later than 5000 ms after the one before. May be repeated: idempotent.',
    requestBody: { content: { 'application/connect+json': { schema: schemaOf(Watch).payload } } },
    responses: {
      '200': {
        content: { 'application/connect+json': { schema: { anyOf: [schemaOf(Watch).item, {}] } } },
      },
    },
  });
  expect(JSON.stringify(post)).toContain('"const":"unknown-sku"');
});
