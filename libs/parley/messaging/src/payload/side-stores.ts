import { FileClaimStore } from './file-claim-store';
import type { ClaimStore } from '../ports/claim-store';
import { explainingUrlErrors, UnknownTechnologyError } from '../sending/routes';
import type { SubjectKeys } from '../ports/subject-keys';
import type { Technology, TransportContext } from '../ports/transport';

/*
 * Opens the side stores of a message: subject keys (KEYS_URL) and claim check (CLAIMS_URL). By
 * default both are in the service's own store.
 */

/** @throws UnknownTechnologyError, UnusableUrlError */
export function keysAt(
  url: string | undefined,
  technologies: readonly Technology[],
  context: TransportContext,
): SubjectKeys | undefined {
  return url === undefined
    ? context.store?.subjectKeys
    : opened('KEYS_URL', url, technologies, (technology) => technology.openKeys?.(url, context));
}

/** @throws UnknownTechnologyError, UnusableUrlError */
export function claimsAt(
  url: string | false | undefined,
  technologies: readonly Technology[],
  context: TransportContext,
): ClaimStore | undefined {
  if (url === false) return undefined;
  if (url === undefined) return context.store?.claims;
  if (url.startsWith('file:'))
    return explainingUrlErrors('CLAIMS_URL', () => new FileClaimStore(url, context));
  return opened('CLAIMS_URL', url, technologies, (technology) =>
    technology.openClaims?.(url, context),
  );
}

function opened<T>(
  variable: string,
  url: string,
  technologies: readonly Technology[],
  open: (technology: Technology) => T | undefined,
): T {
  const scheme = url.slice(0, url.indexOf(':'));
  const technology = technologies.find(({ schemes }) => schemes.includes(scheme));
  const found = technology && explainingUrlErrors(variable, () => open(technology));
  if (found) return found;
  throw new UnknownTechnologyError(
    `${variable}: "${scheme}" cannot keep them; use ${variable === 'CLAIMS_URL' ? 'postgres:// or file://' : 'postgres://'}`,
  );
}
