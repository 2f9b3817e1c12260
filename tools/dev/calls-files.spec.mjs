import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { addCalls, removeCalls, writeCalls } from './calls-files.mjs';
import { inEmptyFolder } from './empty-folder.fixture.mjs';

inEmptyFolder();

/**
 * @param {import('../../topology.js').ProcessName} service
 * @param {number} [callsPort]
 */
const at = (service, callsPort) => ({ service, callsPort });
/** @param {string} owner */
const listed = (owner) => fs.readFileSync(`.data/calls/${owner}`, 'utf8');

test('every owner of calls has a file, also one without an instance', () => {
  writeCalls([at('catalog', 5020), at('catalog', 5021), at('payments')]);
  assert.equal(listed('catalog'), '127.0.0.1:5020\n127.0.0.1:5021\n');
  assert.equal(listed('orders'), '');
  assert.equal(fs.existsSync('.data/calls/payments'), false);
});

test('an instance joins once and leaves, the others stay', () => {
  writeCalls([at('catalog', 5020)]);
  addCalls(at('catalog', 5022), true);
  addCalls(at('catalog', 5022), true);
  assert.equal(listed('catalog'), '127.0.0.1:5020\n127.0.0.1:5022\n');
  removeCalls(at('catalog', 5020));
  assert.equal(listed('catalog'), '127.0.0.1:5022\n');
});

test('an instance that answers no calls is in no file', () => {
  addCalls(at('payments'), true);
  removeCalls(at('payments'));
  assert.equal(fs.existsSync('.data/calls/payments'), false);
});

test('alone, the addresses of an earlier start are forgotten', () => {
  writeCalls([at('catalog', 6666)]);
  addCalls(at('catalog', 5029), false);
  assert.doesNotMatch(listed('catalog'), /:6666/);
  assert.match(listed('catalog'), /:5029\n$/);
  assert.match(listed('orders'), /^127\.0\.0\.1:\d+\n$/);
});
