import assert from 'node:assert/strict';
import test from 'node:test';
import { environmentOf, instanceOf, sharedEnvironment } from './environment.mjs';
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
