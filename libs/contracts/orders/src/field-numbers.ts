// Written by npm run contracts, with ../orders.proto: do not edit.
import { fieldNumbers } from '@parley/contract';

fieldNumbers('orders', {
  GetOrderRequest: { orderId: 1 },
  GetOrderReply: { orderId: 1, status: 2, lines: 3, total: 4, history: 5, account: 6 },
  'GetOrderReply.Lines': { sku: 1, quantity: 2, name: 3, price: 4, grams: 5 },
  'GetOrderReply.History': { number: 1, at: 2, what: 3, by: 4 },
  GetOrderUnknownOrderError: { orderId: 1 },
  ListOrdersRequest: { status: 1, limit: 2, before: 3, account: 4 },
  ListOrdersReply: { orders: 1, next: 2, counts: 3 },
  'ListOrdersReply.Orders': { orderId: 1, status: 2, total: 3, placedAt: 4, finishedAt: 5 },
  PlaceOrderRequest: { idempotencyKey: 1, customer: 2, lines: 3, payment: 4, account: 5 },
  'PlaceOrderRequest.Customer': { name: 1, email: 2, address: 3 },
  'PlaceOrderRequest.Customer.Address': { line1: 1, city: 2, postcode: 3, country: 4 },
  'PlaceOrderRequest.Lines': { sku: 1, quantity: 2 },
  'PlaceOrderRequest.Payment': { token: 1 },
  PlaceOrderReply: { orderId: 1, status: 2 },
  PlaceOrderUnknownSkuError: { sku: 1, line: 2 },
  PlaceOrderTooMuchError: { total: 1, most: 2 },
  PlaceOrderKeyReusedError: { idempotencyKey: 1 },
});
