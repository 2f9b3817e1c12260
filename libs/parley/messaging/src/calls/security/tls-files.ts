import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { TransportContext } from '../../ports/transport';
import type { TlsPaths } from '../balancing/calls-url';
import { type Contents, UnusableFileError, WatchedFiles } from './watched-files';

/** The contents of the files, and what is made of them. */
interface TlsMaterial {
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly clientCa?: Buffer;
  /** For connections to owners. */
  readonly context: SecureContext;
}

/** The files of one URL. */
export type TlsFiles = WatchedFiles<TlsMaterial>;

/** @throws UnusableFileError */
export const tlsFiles = (paths: TlsPaths, log: TransportContext['log']): TlsFiles =>
  new WatchedFiles({
    paths: { ...paths },
    what: 'the files for TLS',
    make: (contents) => materialOf(paths, contents),
    log,
  });

/** @throws UnusableFileError */
function materialOf(paths: TlsPaths, { ca, cert, key, clientCa }: Contents): TlsMaterial {
  if (ca) refuseExpiredCas('ca', paths.ca!, ca);
  if (clientCa) refuseExpiredCas('clientCa', paths.clientCa!, clientCa);
  if (cert && key) refuseBadPair(paths, cert, key);
  return { cert, key, clientCa, context: createSecureContext({ ca, cert, key }) };
}

function refuseExpiredCas(name: string, path: string, content: Buffer): void {
  const all = certificatesIn(name, path, content);
  if (all.every((one) => faultOfTime(one) !== undefined))
    throw new UnusableFileError(
      `the CA in ${name}=${path} ${faultOfTime(all[0]!)}; put one that is valid there`,
    );
}

function refuseBadPair({ cert, key }: TlsPaths, certificate: Buffer, secret: Buffer): void {
  const [own] = certificatesIn('cert', cert!, certificate);
  if (!own!.checkPrivateKey(privateKeyIn(key!, secret)))
    throw new UnusableFileError(
      `key=${key} is not the key of the certificate in cert=${cert}; give the two that were made together`,
    );
  const fault = faultOfTime(own!);
  if (fault !== undefined)
    throw new UnusableFileError(
      `the certificate in cert=${cert} ${fault}; put one that is valid there, with its key`,
    );
}

/** The error of OpenSSL is left out: nothing of a key may get into a log. */
function privateKeyIn(path: string, content: Buffer): KeyObject {
  try {
    return createPrivateKey(content);
  } catch {
    throw new UnusableFileError(
      `key=${path} has no private key in PEM, or one with a passphrase; give one without`,
    );
  }
}

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

function certificatesIn(name: string, path: string, content: Buffer): readonly X509Certificate[] {
  const found = content.toString('latin1').match(PEM) ?? [];
  try {
    if (found.length > 0) return found.map((text) => new X509Certificate(text));
  } catch {
    // said below
  }
  throw new UnusableFileError(
    `${name}=${path} has no certificate that can be read; it must be in PEM (-----BEGIN CERTIFICATE-----)`,
  );
}

const timeOf = (text: string): Date => new Date(text);

/** Why a certificate is not valid now; undefined when it is. */
function faultOfTime({ validFrom, validTo }: X509Certificate): string | undefined {
  const now = new Date();
  if (timeOf(validTo) < now) return `expired on ${timeOf(validTo).toISOString()}`;
  return timeOf(validFrom) > now
    ? `is valid from ${timeOf(validFrom).toISOString()} on only, by the clock of this machine`
    : undefined;
}
