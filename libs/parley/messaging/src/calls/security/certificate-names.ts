import { checkServerIdentity, type PeerCertificate } from 'node:tls';

/*
 * A certificate names its service in the subject's alternative names, and nowhere else (RFC 9525):
 * by one SPIFFE ID, spiffe://trust-domain/…/orders, whose last segment is the service (X.509-SVIDs
 * have exactly one URI), else by one DNS name without a dot, `orders`.
 */

const SPIFFE = /^spiffe:\/\/[a-z0-9._-]+\/(?:[A-Za-z0-9._-]+\/)*([a-z0-9-]+)$/;

interface Names {
  readonly dns: readonly string[];
  readonly uris: readonly string[];
}

/** @param text as Node writes alternative names: `DNS:orders, URI:spiffe://shop/orders` */
function namesIn(text = ''): Names {
  // Node quotes names with odd characters. None of ours has any: such a certificate names nobody.
  const names = text.includes('"') ? [] : text.split(', ');
  const of = (kind: string) =>
    names.filter((name) => name.startsWith(kind)).map((name) => name.slice(kind.length));
  return { dns: of('DNS:'), uris: of('URI:') };
}

/** The service that a certificate is for; undefined when it names none, or more than one. */
export function serviceOf(alternativeNames: string | undefined): string | undefined {
  const { dns, uris } = namesIn(alternativeNames);
  if (uris.length > 0) return uris.length === 1 ? SPIFFE.exec(uris[0]!)?.[1] : undefined;
  const plain = dns.filter((name) => !/[.*]/.test(name) && name !== 'localhost');
  return plain.length === 1 ? plain[0] : undefined;
}

/**
 * For `tls.connect`: the server is an instance of the owner, by the name of the service, or by the
 * name or address at which it was found.
 */
export const serverCheck =
  (owner: string, host: string) =>
  (_: string, certificate: PeerCertificate): Error | undefined => {
    const { subjectaltname } = certificate;
    if (serviceOf(subjectaltname) === owner || namesIn(subjectaltname).dns.includes(owner))
      return undefined;
    if (!checkServerIdentity(host, certificate)) return undefined;
    const wanted = host === owner ? owner : `${owner} or ${host}`;
    return new Error(
      `its certificate is for ${subjectaltname?.slice(0, 200) ?? 'nobody'}, not for ${wanted}`,
    );
  };
