import assert from 'node:assert/strict';
import test from 'node:test';
import { environmentOf, instanceOf, sharedEnvironment, telemetryTo } from './environment.mjs';
import { topology } from './topology.mjs';

test('a technology of calls is for every process: for those that answer and those that only call', () => {
  const { CALLS_URL, CALLS_URL_CATALOG } = sharedEnvironment({ technologies: ['http'] });
  assert.match(String(CALLS_URL), /^http:\/\/\{owner\}/);
  assert.match(String(CALLS_URL_CATALOG), /^http:\/\/\/.*\/\.data\/calls\/catalog$/);
});

test('calls go by gRPC unless a technology of calls is named', () => {
  const { CALLS_URL, CALLS_URL_CATALOG } = sharedEnvironment({ technologies: ['kafka'] });
  assert.match(`${CALLS_URL} ${CALLS_URL_CATALOG}`, /^grpc:.* grpc:/);
});

test('with TLS, each service shows its own certificate, and answers whom topology.ts names', () => {
  const catalog = topology.find(({ name }) => name === 'catalog');
  assert.ok(catalog);
  const environment = environmentOf(instanceOf(catalog, 0), { databaseUrls: {}, tls: true });
  const url = new URL(String(environment.CALLS_URL_ORDERS));
  assert.equal(url.protocol, 'grpcs:');
  assert.match(String(url.searchParams.get('cert')), /\/\.data\/tls\/catalog\/tls\.crt$/);
  assert.match(String(url.searchParams.get('clientCa')), /\/\.data\/tls\/ca\.crt$/);
  assert.equal(environment.CALLS_ALLOWED, 'gateway,orders,console');
  const without = environmentOf(instanceOf(catalog, 0), { databaseUrls: {} });
  assert.equal(without.CALLS_ALLOWED, undefined);
});

test('services send handled messages and some traces to the console', () => {
  const orders = topology.find(({ name }) => name === 'orders');
  assert.ok(orders);
  const consoleUrl = 'http://127.0.0.1:4080';
  const given = environmentOf(instanceOf(orders, 0), { databaseUrls: {}, consoleUrl });
  assert.equal(given.MESSAGES_ENDPOINT, consoleUrl);
  assert.equal(given.OTEL_EXPORTER_OTLP_ENDPOINT, consoleUrl);
  assert.equal(given.TRACES_OF_FAILURES, 'off');
  const without = environmentOf(instanceOf(orders, 0), { databaseUrls: {} });
  assert.equal(without.MESSAGES_ENDPOINT, undefined);
});

test('the console and the outside send none', () => {
  for (const name of ['console', 'payment-provider']) {
    const process = topology.find((one) => one.name === name);
    assert.ok(process);
    const consoleUrl = 'http://127.0.0.1:4080';
    const given = environmentOf(instanceOf(process, 0), { databaseUrls: {}, consoleUrl });
    assert.equal(given.MESSAGES_ENDPOINT, undefined);
  }
});

test('a collector of the user gets the traces, and no message is sent where the user says so', () => {
  const url = 'http://127.0.0.1:4080';
  const own = telemetryTo(url, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' });
  assert.deepEqual(own, { MESSAGES_ENDPOINT: url });
  assert.deepEqual(telemetryTo(url, { MESSAGES_ENDPOINT: 'none' }), {});
  const { OTEL_EXPORTER_OTLP_HEADERS } = telemetryTo(url, { OPERATIONS_TOKEN: 'secret' });
  assert.equal(OTEL_EXPORTER_OTLP_HEADERS, 'authorization=Bearer%20secret');
});
