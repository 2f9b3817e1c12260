import { z } from 'zod';

/**
 * The keys' URL must be protected: an attacker who changes the keys in transit can pose as
 * everybody.
 */
const PROTECTED = /^(https:\/\/|http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(\/|$))/;

/** The name of an issuer of tokens, as `iss` says it. */
export const issuerUrl = z.url({
  protocol: /^https?$/,
  error: 'must be a URL such as https://login.example',
});

/** Where an issuer's public keys are. */
export const keysUrl = z
  .string()
  .refine(
    (url) => PROTECTED.test(url) && URL.canParse(url),
    'must be a URL such as https://login.example/keys; http only on this machine',
  );
