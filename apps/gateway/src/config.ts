import { serviceEnvironment } from '@parley/service';
import { z } from 'zod';
import type { Issuer } from './authentication';

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * The keys' URL must be protected: an attacker who changes the keys in transit can pose as any
 * customer.
 */
const PROTECTED = /^(https:\/\/|http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(\/|$))/;

const issuer = {
  AUTH_ISSUER: z.url({
    protocol: /^https?$/,
    error: 'must be a URL such as https://login.example',
  }),
  AUTH_AUDIENCE: z.string(),
  AUTH_JWKS_URL: z
    .string()
    .refine(
      (url) => PROTECTED.test(url) && URL.canParse(url),
      'must be a URL such as https://login.example/keys; http only on this machine',
    ),
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

export const environment = serviceEnvironment(authenticationIn(process.env));

/** Undefined: the edge is open. */
export function issuerOf({
  AUTH_ISSUER: name,
  AUTH_AUDIENCE,
  AUTH_JWKS_URL,
}: Pick<typeof environment, keyof typeof issuer>): Issuer | undefined {
  return name === undefined ? undefined : { name, audience: AUTH_AUDIENCE!, keys: AUTH_JWKS_URL! };
}
