// An OpenID provider for development: two customers and two operators, on loopback, gone with the
// process that started it. Authorization code with PKCE, and the device flow for terminals.
import { generateKeyPairSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { loginPage, readForm } from './login-page.mjs';

/** @import { IncomingMessage, ServerResponse } from 'node:http' */
/** @import { Configuration, Provider as OidcProvider } from 'oidc-provider' */

/** Audiences of tokens: one for customers, one for operators. */
export const AUDIENCES = /** @type {const} */ ({
  shop: 'urn:parley:shop',
  operations: 'urn:parley:operations',
});

/** @typedef {keyof typeof AUDIENCES} Audience */

/** A public client: without a secret, it proves with PKCE that it began the log-in. */
export const CLIENT_ID = 'parley';

const TOKEN_LIFE_S = 3_600;
const KEEP_ALIVE_MS = 72_000;

/**
 * @typedef {object} User
 * @property {string} name
 * @property {string} password
 * @property {Audience} audience
 * @property {string[]} roles
 */

/** @returns {User[]} with new passwords */
const inventUsers = () =>
  /** @type {const} */ ([
    ['ada', 'shop', []],
    ['bob', 'shop', []],
    ['vera', 'operations', ['viewer']],
    ['otto', 'operations', ['operator']],
  ]).map(([name, audience, roles]) => ({
    name,
    audience,
    roles: [...roles],
    password: randomBytes(9).toString('base64url'),
  }));

/**
 * @param {number} port
 */
export async function startIdentityProvider(port) {
  const { Provider } = await import('oidc-provider');
  const users = inventUsers();
  // A terminal asks every 5 s, Node's default for idle connections: one closed just then would
  // break the request.
  const server = http.createServer({ keepAliveTimeout: KEEP_ALIVE_MS });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  const address = server.address();
  const issuer = `http://127.0.0.1:${typeof address === 'object' ? address?.port : port}`;
  const provider = quietly(() => new Provider(issuer, configurationFor(users)));
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (request.url?.startsWith('/login/'))
      void login(provider, users, request, response).catch(() => response.destroy());
    else void answer(request, response);
  });
  return {
    issuer,
    keysUrl: `${issuer}/jwks`,
    users,
    close: async () => {
      const closed = once(server.close(), 'close');
      server.closeAllConnections();
      await closed;
    },
  };
}

/**
 * Silences the library's warnings about storage in memory and about http, which are wanted here.
 * @template T
 * @param {() => T} make
 */
function quietly(make) {
  const { info, warn } = console;
  console.info = console.warn = () => undefined;
  try {
    return make();
  } finally {
    Object.assign(console, { info, warn });
  }
}

/**
 * @param {User[]} users
 * @returns {Configuration}
 */
function configurationFor(users) {
  /** @param {string | undefined} name */
  const userOf = (name) => users.find((user) => user.name === name);
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = privateKey.export({ format: 'jwk' });
  return {
    clients: [
      {
        client_id: CLIENT_ID,
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'],
        response_types: ['code'],
        redirect_uris: ['http://127.0.0.1/callback'],
      },
    ],
    jwks: { keys: [{ ...key, kid: randomBytes(8).toString('hex'), use: 'sig', alg: 'RS256' }] },
    cookies: { keys: [randomBytes(24).toString('hex')] },
    pkce: { methods: ['S256'], required: () => true },
    ttl: {
      AccessToken: TOKEN_LIFE_S,
      DeviceCode: 600,
      Interaction: 600,
      Session: 3_600,
      Grant: 3_600,
    },
    interactions: { url: (_, { uid }) => `/login/${uid}` },
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    extraTokenClaims: (_, token) =>
      'accountId' in token && token.aud === AUDIENCES.operations
        ? { roles: userOf(token.accountId)?.roles ?? [] }
        : undefined,
    loadExistingGrant: async (ctx) => {
      const { client, session, provider } = ctx.oidc;
      if (!client || !session?.accountId) return undefined;
      const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope('openid');
      await grant.save();
      return grant;
    },
    features: {
      devInteractions: { enabled: false },
      deviceFlow: { enabled: true },
      rpInitiatedLogout: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCES.shop,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, audience) => ({
          audience,
          scope: '',
          accessTokenFormat: 'jwt',
          accessTokenTTL: TOKEN_LIFE_S,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  };
}

/**
 * Answers `/login/<uid>`: asks for name and password, then continues the log-in.
 * @param {OidcProvider} provider
 * @param {User[]} users
 * @param {IncomingMessage} request
 * @param {ServerResponse} response
 */
async function login(provider, users, request, response) {
  const { params, prompt } = await provider.interactionDetails(request, response);
  // The library asks for consent to each native client; these tools are the only client.
  if (prompt.name === 'consent')
    return provider.interactionFinished(
      request,
      response,
      { consent: {} },
      { mergeWithLastSubmission: true },
    );
  const form = request.method === 'POST' ? await readForm(request) : undefined;
  const user = form && users.find(({ name, password }) => isUser(form, name, password));
  if (!user || user.audience !== audienceIn(params.resource)) {
    response
      .writeHead(form ? 401 : 200, {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
      })
      .end(loginPage(form !== undefined));
    return;
  }
  await provider.interactionFinished(request, response, { login: { accountId: user.name } });
}

/** @param {unknown} resource */
const audienceIn = (resource) => (resource === AUDIENCES.operations ? 'operations' : 'shop');

/**
 * @param {URLSearchParams} form
 * @param {string} name
 * @param {string} password
 */
function isUser(form, name, password) {
  const [given, wanted] = [Buffer.from(form.get('password') ?? ''), Buffer.from(password)];
  return (
    form.get('name') === name && given.length === wanted.length && timingSafeEqual(given, wanted)
  );
}
