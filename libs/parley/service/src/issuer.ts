import { z } from 'zod';

/**
 * https, or this machine: an attacker who changes the keys in transit can sign tokens for any
 * subject.
 */
const PROTECTED = /^(https:\/\/|http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(\/|$))/;

/** The schema of an issuer's name, the claim `iss` of its tokens. */
export const issuerUrl = z.url({
  protocol: /^https?$/,
  error: 'must be a URL such as https://login.example',
});

/** The schema of the URL of an issuer's public keys. */
export const keysUrl = z
  .string()
  .refine(
    (url) => PROTECTED.test(url) && URL.canParse(url),
    'must be a URL such as https://login.example/keys; http only on this machine',
  );
