import assert from 'node:assert/strict';
import test from 'node:test';
import { sharedEnvironment } from './environment.mjs';

test('a technology of calls is for every process: for those that answer and those that only call', () => {
  const { CALLS_URL, CALLS_URL_CATALOG } = sharedEnvironment({ technologies: ['http'] });
  assert.match(String(CALLS_URL), /^http:\/\/\{owner\}/);
  assert.match(String(CALLS_URL_CATALOG), /^http:\/\/\/.*\/\.data\/calls\/catalog$/);
});

test('calls go by gRPC unless a technology of calls is named', () => {
  const { CALLS_URL, CALLS_URL_CATALOG } = sharedEnvironment({ technologies: ['kafka'] });
  assert.match(`${CALLS_URL} ${CALLS_URL_CATALOG}`, /^grpc:.* grpc:/);
});
