// Clients of the edge: curl, an EventSource, a client of GraphQL over HTTP and over WebSocket.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { peer } from './needs.mjs';
import { isWholeStory, orderOf, printed, SKU } from './seen.mjs';

/** @import { Entry } from './seen.mjs' */

/** @param {string[]} args */
const curl = (...args) =>
  printed('curl', ['--silent', '--show-error', '--max-time', '60', ...args]);

/** @param {string} url @param {string} sku */
const placed = (url, sku) => {
  const key = `idempotency-key: ${randomUUID()}`;
  return curl('--header', key, '--json', JSON.stringify(orderOf(sku)), `${url}/orders`);
};

/** @param {string} url of the edge */
export const byCurl = (url) => ({
  'curl reads the products and an order that it placed, and an error as a problem': async () => {
    assert.ok((await curl(`${url}/products`)).includes(SKU));
    const { orderId } = JSON.parse(await placed(url, SKU));
    assert.equal(JSON.parse(await curl(`${url}/orders/${orderId}`)).orderId, orderId);
    assert.equal(JSON.parse(await placed(url, 'TEA-9999')).status, 422);
  },
  'curl follows an order to its end, by server-sent events': async () => {
    const { orderId } = JSON.parse(await placed(url, SKU));
    const events = await curl('--no-buffer', `${url}/orders/${orderId}/events`);
    const told = [...events.matchAll(/^data: (.*)$/gm)].map(([, text = '{}']) => JSON.parse(text));
    return isWholeStory(told.filter(({ number }) => number !== undefined));
  },
});

/** @param {string} url of the edge */
export const byEventSource = (url) => ({
  'an EventSource follows an order to its end': async () => {
    const { EventSource } = await peer('eventsource');
    const { orderId } = JSON.parse(await placed(url, SKU));
    const source = new EventSource(`${url}/orders/${orderId}/events`);
    /** @type {Entry[]} */
    const entries = [];
    await new Promise((resolve) =>
      source.addEventListener('progress', (/** @type {{ data: string }} */ { data }) => {
        entries.push(JSON.parse(data));
        if (entries.at(-1)?.status === 'delivered') resolve(undefined);
      }),
    );
    source.close();
    return isWholeStory(entries);
  },
});

const PLACE =
  'mutation ($key: String!, $order: NewOrderInput!) { placeOrder(idempotencyKey: $key, order: $order) { orderId } }';
const READ = 'query ($id: ID!) { order(id: $id) { orderId lines { product { name } } } }';
const FOLLOW = 'subscription ($id: ID!) { orderProgress(id: $id) { number status } }';

/** @param {string} url of the edge */
export const byGraphql = (url) => ({
  'graphql-request places an order and reads it, and gets a typed error; graphql-ws follows it by WebSocket to its end':
    async () => {
      const { request } = await peer('graphql-request');
      const { createClient } = await peer('graphql-ws');
      const { WebSocket } = await peer('ws');
      const place = (/** @type {string} */ sku) =>
        request(`${url}/graphql`, PLACE, { key: randomUUID(), order: orderOf(sku) });
      const id = (await place(SKU)).placeOrder.orderId;
      const { order } = await request(`${url}/graphql`, READ, { id });
      assert.equal(order.orderId, id);
      assert.ok(order.lines[0].product.name);
      const error = await place('TEA-9999').catch((/** @type {unknown} */ reason) => reason);
      assert.equal(error.response.errors[0].extensions.code, 'unknown-sku');
      const socket = `${url.replace('http', 'ws')}/graphql`;
      const client = createClient({ url: socket, webSocketImpl: WebSocket });
      const entries = [];
      for await (const { data } of client.iterate({ query: FOLLOW, variables: { id } }))
        entries.push(data.orderProgress);
      await client.dispose();
      return isWholeStory(entries);
    },
});
