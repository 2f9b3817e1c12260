import type { Contract } from '@parley/contract';
import { OwnerUnavailableError } from '../../ports/call-transport';

/** The code of the fault with which a whole connection is refused: nothing of it is handled. */
export const UNTRUSTED = 'untrusted';

/** Words of OpenSSL and Node about certificates. Alerts tell what the other side says of ours. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/its certificate is for .*, not for [\w.-]+(?: or [\w.:-]+)?/, ''],
  [/alert certificate required/, 'it wants a certificate; give CALLS_URL a cert and a key'],
  [/alert unknown ca/, 'it does not know the CA of our certificate'],
  [/alert (certificate expired|certificate revoked)/, 'our certificate is not valid any more'],
  [/alert (bad certificate|certificate unknown|access denied|handshake failure)/, 'it refuses us'],
  [/certificate has expired/, 'its certificate has expired'],
  [/certificate is not yet valid/, 'its certificate is not valid yet'],
  [
    /unable to (verify the first|get (local )?issuer) certificate|self.signed certificate/,
    'its certificate is signed by no CA that this service knows',
  ],
  [/wrong version number|packet length too long|record layer failure/, 'it does not speak TLS'],
  [/before secure TLS connection was established/, 'it hung up when TLS began'],
];

/**
 * The error for a request that no instance got: with the reason in words, where a certificate is to
 * blame.
 * @param why the message of the client's error
 */
export function notReached(contract: Contract, why: string): OwnerUnavailableError {
  for (const [pattern, reason] of REASONS) {
    const [words] = pattern.exec(why) ?? [];
    if (words === undefined) continue;
    return OwnerUnavailableError.untrusted(contract, reason ? `${reason}: ${words}` : words);
  }
  return new OwnerUnavailableError(contract, why);
}
