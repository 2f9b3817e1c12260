import { type Issuer, issuerUrl, keysUrl, serviceEnvironment } from '@parley/service';
import { z } from 'zod';
import { graphqlVariables } from './graphql/settings';
import { limitSettings } from './limits/settings';

type Variables = Readonly<Record<string, string | undefined>>;

const issuer = {
  AUTH_ISSUER: issuerUrl,
  AUTH_AUDIENCE: z.string(),
  AUTH_JWKS_URL: keysUrl,
};

const nobody = z
  .undefined('must come with AUTH_ISSUER; without it the edge knows no customers')
  .optional();

const OPEN_OPERATIONS =
  'needs OPERATIONS_PORT beside it: on the port of the customers, metrics and operations would be open to everybody';

/** All three, or none. */
export const authenticationIn = ({
  AUTH_ISSUER,
  OPERATIONS_PORT,
}: Variables): Record<keyof typeof issuer, z.ZodType<string | undefined>> => {
  const { AUTH_AUDIENCE, AUTH_JWKS_URL } = AUTH_ISSUER
    ? issuer
    : { AUTH_AUDIENCE: nobody, AUTH_JWKS_URL: nobody };
  return {
    AUTH_ISSUER: issuer.AUTH_ISSUER.refine(() => OPERATIONS_PORT, OPEN_OPERATIONS)
      .optional()
      .describe(
        'who signs the tokens of customers, as their iss says it; without it everybody sees all orders',
      ),
    AUTH_AUDIENCE: AUTH_AUDIENCE.describe('what tokens must be meant for, as their aud says it'),
    AUTH_JWKS_URL: AUTH_JWKS_URL.describe(
      "where the issuer's public keys are: jwks_uri of its /.well-known/openid-configuration",
    ),
  };
};

const guests = {
  GUEST_TOKENS_KEY: z
    .string()
    .min(32, 'must have 32 characters or more')
    .optional()
    .describe(
      'signs the tokens that open the orders of guests, the same for all instances; default: derived from OPERATIONS_TOKEN',
    ),
};

export const environment = serviceEnvironment({
  ...authenticationIn(process.env),
  ...guests,
  ...graphqlVariables,
  ...limitSettings,
});

/** Undefined: the edge is open. */
export function issuerOf({
  AUTH_ISSUER: name,
  AUTH_AUDIENCE,
  AUTH_JWKS_URL,
}: Pick<typeof environment, keyof typeof issuer>): Issuer | undefined {
  return name === undefined ? undefined : { name, audience: AUTH_AUDIENCE!, keys: AUTH_JWKS_URL! };
}
