// Clients of gRPC: grpcurl, which knows nothing but the address, and a client in Python that the
// stock generator makes of the committed .proto file.
import assert from 'node:assert/strict';
import path from 'node:path';
import { GRPCURL, pythonLibraries } from './needs.mjs';
import { printed, requestOf, SKU } from './seen.mjs';

const PROTO = path.resolve(import.meta.dirname, '../../libs/contracts/orders/orders.proto');
const PROGRAM = path.join(import.meta.dirname, 'orders_client.py');

/** @param {string[]} args */
const grpcurl = (...args) => printed(GRPCURL, ['-plaintext', '-max-time', '60', ...args]);

/** @param {string} address of the calls of orders */
export const byGrpcurl = (address) => ({
  'grpcurl lists and describes what it can call, by reflection': async () => {
    const services = (await grpcurl(address, 'list')).trim().split('\n');
    assert.ok(services.includes('orders.Orders') && services.includes('grpc.health.v1.Health'));
    assert.match(await grpcurl(address, 'describe', 'orders.Orders'), /rpc PlaceOrder/);
    return services.join(', ');
  },
  'grpcurl places an order, reads it, and finds it in the stream of all': async () => {
    const order = JSON.stringify(requestOf(SKU));
    const { orderId } = JSON.parse(await grpcurl('-d', order, address, 'orders.Orders/PlaceOrder'));
    const asked = JSON.stringify({ orderId });
    const read = JSON.parse(await grpcurl('-d', asked, address, 'orders.Orders/GetOrder'));
    assert.deepEqual([read.orderId, read.lines[0].sku], [orderId, SKU]);
    assert.ok((await grpcurl('-d', '{}', address, 'orders.Orders/ExportOrders')).includes(orderId));
  },
  'grpcurl shows an error of the contract with its details': async () => {
    const order = JSON.stringify(requestOf('TEA-9999'));
    const told = await grpcurl('-d', order, address, 'orders.Orders/PlaceOrder');
    assert.match(told, /FailedPrecondition/);
    assert.match(told, /"@type": "type.googleapis.com\/orders.PlaceOrderUnknownSkuError"/);
  },
  'grpcurl asks whether it is healthy': async () => {
    const health = await grpcurl(
      '-d',
      '{"service":"orders.Orders"}',
      address,
      'grpc.health.v1.Health/Check',
    );
    assert.deepEqual(JSON.parse(health), { status: 'SERVING' });
  },
});

/** @param {string} address of the calls of orders */
export const byPython = (address) => ({
  'a client in Python, made by protoc, places an order, reads it, follows the stream, and gets a typed error and a deadline':
    async () => {
      const [good, bad] = [requestOf(SKU), requestOf('TEA-9999')];
      const input = JSON.stringify({ proto: PROTO, address, good, bad });
      const told = await printed('python3', ['-B', PROGRAM, pythonLibraries()], input);
      const line = told.trim().split('\n').at(-1) ?? '';
      assert.ok(line.startsWith('{'), told);
      const { placed, read, exported, error, late } = JSON.parse(line);
      assert.deepEqual([read.orderId, read.lines[0].sku], [placed.orderId, SKU]);
      assert.ok(exported.includes(placed.orderId));
      assert.deepEqual(error, {
        code: 'FAILED_PRECONDITION',
        ErrorInfo: { reason: 'unknown-sku', domain: 'orders' },
        PlaceOrderUnknownSkuError: { sku: 'TEA-9999', line: '0' },
      });
      assert.equal(late, 'DEADLINE_EXCEEDED');
    },
});
