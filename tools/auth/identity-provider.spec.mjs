import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { Browser } from './browser.fixture.mjs';
import { logIn } from './device-login.mjs';
import { AUDIENCES, CLIENT_ID, startIdentityProvider } from './identity-provider.mjs';

/** @typedef {Awaited<ReturnType<typeof startIdentityProvider>>} IdentityProvider */

describe('the identity provider for development', () => {
  /** @type {IdentityProvider} */
  let provider;
  before(async () => void (provider = await startIdentityProvider(0)));
  after(() => provider.close());

  /** @param {string} name */
  const userOf = (name) => {
    const user = provider.users.find((one) => one.name === name);
    assert.ok(user);
    return user;
  };
  /**
   * @param {string} name
   * @param {import('./identity-provider.mjs').Audience} audience
   * @param {string} [password]
   */
  async function tokenOf(name, audience, password = userOf(name).password) {
    /** @type {Promise<number> | undefined} */
    let browsed;
    const login = { issuer: provider.issuer, clientId: CLIENT_ID, audience: AUDIENCES[audience] };
    const token = logIn(login, ({ url, code }) => {
      browsed = new Browser().logIn(url, code, name, password);
    });
    return { token, status: async () => browsed };
  }
  /** @param {string} token */
  const claimsOf = (token) =>
    jwtVerify(token, createRemoteJWKSet(new URL(provider.keysUrl)), { issuer: provider.issuer });

  it('gives an operator a token with the role, for operations alone', async () => {
    for (const [name, role] of /** @type {const} */ ([
      ['otto', 'operator'],
      ['vera', 'viewer'],
    ])) {
      const { token, expiresAt } = await (await tokenOf(name, 'operations')).token;
      const { payload, protectedHeader } = await claimsOf(token);
      assert.equal(protectedHeader.typ, 'at+jwt');
      assert.equal(payload.sub, name);
      assert.equal(payload.aud, AUDIENCES.operations);
      assert.deepEqual(payload.roles, [role]);
      const timeOfDay = Date.now();
      assert.ok(Date.parse(expiresAt) > timeOfDay);
    }
  });

  it('gives a customer a token for the shop, without roles', async () => {
    const { token } = await (await tokenOf('ada', 'shop')).token;
    const { payload } = await claimsOf(token);
    assert.equal(payload.aud, AUDIENCES.shop);
    assert.equal(payload.roles, undefined);
  });

  it('refuses a wrong password, and a customer where operators log in', async () => {
    for (const [name, audience, password] of /** @type {const} */ ([
      ['ada', 'shop', 'guess'],
      ['ada', 'operations', undefined],
      ['otto', 'shop', undefined],
    ])) {
      const browser = new Browser();
      const { code, url } = await deviceCode(audience);
      const status = await browser.logIn(url, code, name, password ?? userOf(name).password);
      assert.equal(status, 401, `${name} at ${audience}`);
    }
  });

  it('has new passwords at each start', async () => {
    const other = await startIdentityProvider(0);
    await other.close();
    assert.notDeepEqual(other.users, provider.users);
  });

  /** @param {import('./identity-provider.mjs').Audience} audience */
  async function deviceCode(audience) {
    const response = await fetch(`${provider.issuer}/device/auth`, {
      method: 'POST',
      body: new URLSearchParams({
        client_id: CLIENT_ID,
        scope: 'openid',
        resource: AUDIENCES[audience],
      }),
    });
    const { verification_uri_complete: url, user_code: code } = JSON.parse(await response.text());
    return { url, code };
  }
});
