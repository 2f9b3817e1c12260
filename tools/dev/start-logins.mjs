// The log-ins of `npm start -- --auth`: an identity provider, and the variables of services for it.
import { AUDIENCES, startIdentityProvider } from '../auth/identity-provider.mjs';
import { Mistake } from '../terminal/errors.mjs';
import { table } from '../terminal/progress.mjs';
import { basePort } from '../topology/environment.mjs';
import { PORTS } from '../topology/topology.mjs';
import { checkPorts } from './start-checks.mjs';

/** @typedef {Awaited<ReturnType<typeof startIdentityProvider>>} IdentityProvider */

/** Starts the identity provider, and sets the variables that every service inherits. */
export async function startLogins() {
  const named = ['AUTH_ISSUER', 'OPERATORS_ISSUER'].find((name) => process.env[name]);
  if (named)
    throw new Mistake(
      `${named} names an identity provider, and --auth brings another along: leave one of them out.`,
    );
  const port = basePort() + PORTS.identityProviderAbove;
  await checkPorts([{ port, variable: `PARLEY_PORT (now ${basePort()})` }]);
  const provider = await startIdentityProvider(port);
  const { issuer, keysUrl } = provider;
  Object.assign(process.env, {
    AUTH_ISSUER: issuer,
    AUTH_AUDIENCE: AUDIENCES.shop,
    AUTH_JWKS_URL: keysUrl,
    OPERATORS_ISSUER: issuer,
    OPERATORS_AUDIENCE: AUDIENCES.operations,
    OPERATORS_JWKS_URL: keysUrl,
  });
  return provider;
}

/**
 * Names and passwords, to be shown once: no file has the passwords.
 * @param {IdentityProvider} provider
 */
export function usersTable({ issuer, users }) {
  const rows = users.map(({ name, password, audience, roles }) => [
    name,
    password,
    audience === 'shop' ? 'customer' : roles.join(', '),
  ]);
  return `
${table(['log in as', 'password', 'role'], rows)}

Identity provider at ${issuer}. npm run login: as an operator; npm run login -- shop: as a customer.`;
}
