// Clients of the calls of a service by HTTP: curl, and Connect with a client that protoc-gen-es
// makes of the committed .proto file.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { peer, pythonLibraries } from './needs.mjs';
import { printed, requestOf, SKU } from './seen.mjs';

const HERE = import.meta.dirname;
const CONTRACTS = path.resolve(HERE, '../../libs/contracts/orders');
/** Where the generated client finds the packages that it imports. */
const GENERATED = path.join(HERE, 'node_modules/.generated');
const PLUGIN = path.join(HERE, 'node_modules/.bin/protoc-gen-es');

/** @param {string[]} args */
const curl = (...args) =>
  printed('curl', ['--silent', '--show-error', '--max-time', '30', ...args]);

/**
 * @param {string} url of the calls of orders
 */
export const byCurl = (url) => ({
  'curl places an order at the service itself, and reads an error of the contract': async () => {
    const place = (/** @type {string} */ sku) =>
      curl('--json', JSON.stringify(requestOf(sku)), `${url}/orders.Orders/PlaceOrder`);
    const { orderId } = JSON.parse(await place(SKU));
    const read = await curl('--json', JSON.stringify({ orderId }), `${url}/orders.Orders/GetOrder`);
    assert.equal(JSON.parse(read).orderId, orderId);
    const error = JSON.parse(await place('TEA-9999'));
    assert.equal(error.code, 'failed_precondition');
    assert.equal(error.details[0].type, 'parley.Fault');
    const { paths } = JSON.parse(await curl(`${url}/openapi.json`));
    assert.ok('/orders.Orders/PlaceOrder' in paths);
  },
});

/** @param {string} url of the calls of orders */
export const byConnect = (url) => ({
  'a Connect client places an order, reads it, follows the stream, and gets a typed error and a deadline':
    async () => {
      const { Code, ConnectError, createClient } = await peer('@connectrpc/connect');
      const { createConnectTransport } = await peer('@connectrpc/connect-node');
      const { Orders } = await generated();
      const options = { baseUrl: url, httpVersion: '1.1', useBinaryFormat: false };
      const orders = createClient(Orders, createConnectTransport(options));
      const { orderId } = await orders.placeOrder(requestOf(SKU));
      const read = await orders.getOrder({ orderId });
      assert.deepEqual([read.orderId, read.lines[0].sku], [orderId, SKU]);
      const exported = [];
      for await (const order of orders.exportOrders({})) exported.push(order.orderId);
      assert.ok(exported.includes(orderId));
      const codeOf = async (/** @type {Promise<unknown>} */ asked) => {
        const error = await asked.then(
          () => assert.fail('it was answered'),
          (/** @type {unknown} */ reason) => reason,
        );
        assert.ok(error instanceof ConnectError, String(error));
        return /** @type {{ code: number, details: { type: string }[] }} */ (error);
      };
      const { code, details } = await codeOf(orders.placeOrder(requestOf('TEA-9999')));
      assert.equal(code, Code.FailedPrecondition);
      assert.equal(details[0]?.type, 'parley.Fault');
      const late = await codeOf(orders.placeOrder(requestOf(SKU), { timeoutMs: 1 }));
      assert.equal(late.code, Code.DeadlineExceeded);
    },
});

/** The client, made by protoc and its plugin for ECMAScript. */
async function generated() {
  fs.rmSync(GENERATED, { recursive: true, force: true });
  fs.mkdirSync(GENERATED);
  fs.writeFileSync(path.join(GENERATED, 'package.json'), '{ "type": "module" }\n');
  const program =
    'import sys; sys.path.insert(0, sys.argv.pop(1)); from grpc_tools import protoc; sys.exit(protoc.main(sys.argv))';
  const words = [
    `--plugin=protoc-gen-es=${PLUGIN}`,
    `-I${CONTRACTS}`,
    `--es_out=${GENERATED}`,
    '--es_opt=target=js',
    'orders.proto',
  ];
  const told = await printed('python3', ['-B', '-c', program, pythonLibraries(), ...words]);
  const file = path.join(GENERATED, 'orders_pb.js');
  assert.ok(fs.existsSync(file), `protoc made no client: ${told}`);
  return peer(pathToFileURL(file).href);
}
