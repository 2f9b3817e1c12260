import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { forgetLogins, keepLogin } from '../auth/login-file.mjs';
import { inEmptyFolder } from './empty-folder.fixture.mjs';
import { addAddress, removeAddress, writeAddresses } from './operations-file.mjs';
import { placeHere } from './place.mjs';
import { identity, removeRun, writeRun } from './run-file.mjs';

const NOWHERE = 'http://127.0.0.1:1';

inEmptyFolder();

test('without a run file nothing runs here', () => {
  writeAddresses();
  assert.equal(placeHere(), undefined);
});

test('the instances and the token are those of the start that runs here', () => {
  writeRun({
    operationsToken: 'token-of-the-running-start',
    launcher: identity(process.pid),
    basePort: 1,
    environment: {},
    providerUrl: NOWHERE,
    mailUrl: NOWHERE,
    databaseUrl: NOWHERE,
    commandsUrl: NOWHERE,
    broadcastsUrl: NOWHERE,
    eventsUrl: NOWHERE,
    postgresPid: undefined,
    instances: {},
  });
  const { addresses, token } = placeHere() ?? {};
  assert.match(addresses?.['orders']?.[0] ?? '', /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(token, 'token-of-the-running-start');
});

test('the token is that of the operator who logged in, until it is over or a start forgets it', () => {
  const timeOfDay = Date.now();
  const soon = new Date(timeOfDay + 60_000).toISOString();
  const file = keepLogin('operations', { token: 'token-of-otto', expiresAt: soon });
  assert.equal(placeHere()?.token, 'token-of-otto');
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  keepLogin('operations', { token: 'token-of-otto', expiresAt: new Date().toISOString() });
  assert.equal(placeHere()?.token, 'token-of-the-running-start');
  keepLogin('operations', { token: 'token-of-otto', expiresAt: soon });
  forgetLogins();
  assert.equal(placeHere()?.token, 'token-of-the-running-start');
});

test('an instance that joined while it runs is known, until it leaves', () => {
  addAddress({ service: 'loyalty', operationsUrl: 'http://127.0.0.1:4700' }, true);
  assert.deepEqual(placeHere()?.addresses['loyalty'], ['http://127.0.0.1:4700']);
  const orders = placeHere()?.addresses['orders'];
  assert.ok(orders);
  removeAddress({ service: 'loyalty', operationsUrl: 'http://127.0.0.1:4700' });
  assert.deepEqual(placeHere()?.addresses['loyalty'], []);
  assert.deepEqual(placeHere()?.addresses['orders'], orders);
  removeRun();
  assert.equal(placeHere(), undefined);
});
