import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { TransportContext } from '../../ports/transport';
import type { TlsPaths } from '../balancing/calls-url';

/** Milliseconds between two looks at the files. */
const LOOK_EVERY_MS = 2_000;

/** A file for TLS that cannot be used. */
export class TlsFilesError extends Error {
  override readonly name = 'TlsFilesError';
}

/** The contents of the files, and what is made of them. */
export interface TlsMaterial {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly clientCa?: Buffer;
  /** For connections to owners. */
  readonly context: SecureContext;
  /** Of the certificate of this service. */
  readonly validTo?: string;
}

/**
 * The files of one URL. They are looked at again every 2 s, by their path, as a link may lead
 * elsewhere. A file that cannot be used leaves the last good ones in force.
 */
export class TlsFiles {
  /** Counts the changes. */
  version = 0;
  private material: TlsMaterial;
  private complaint?: string;
  private readonly listeners = new Set<() => void>();
  private readonly watched: readonly string[];

  /** @throws TlsFilesError */
  constructor(
    private readonly paths: TlsPaths,
    private readonly log: TransportContext['log'],
  ) {
    this.material = readTlsFiles(paths);
    this.watched = [...new Set(Object.values(paths) as string[])];
    for (const file of this.watched)
      watchFile(file, { interval: LOOK_EVERY_MS, persistent: false }, this.look);
  }

  get current(): TlsMaterial {
    return this.material;
  }

  /** Calls back at each change, until these files are closed. */
  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  close(): void {
    for (const file of this.watched) unwatchFile(file, this.look);
    this.listeners.clear();
  }

  private readonly look = (): void => {
    try {
      const material = readTlsFiles(this.paths);
      this.complaint = undefined;
      if (!isDifferent(material, this.material)) return;
      this.material = material;
      this.version++;
      const until = material.validTo === undefined ? '' : `, valid to ${material.validTo}`;
      this.log('info', `new connections of calls use the new files for TLS${until}`);
      for (const listener of this.listeners) listener();
    } catch (error) {
      const { message } = error as Error;
      if (message === this.complaint) return;
      this.complaint = message;
      this.log('warn', `the files for TLS that were read before stay in use: ${message}`);
    }
  };
}

const NAMES = ['ca', 'cert', 'key', 'clientCa'] as const;

const isDifferent = (one: TlsMaterial, other: TlsMaterial): boolean =>
  NAMES.some((name) => one[name]?.toString('latin1') !== other[name]?.toString('latin1'));

/** @throws TlsFilesError */
function readTlsFiles(paths: TlsPaths): TlsMaterial {
  const files: Partial<Record<(typeof NAMES)[number], Buffer>> = {};
  for (const name of NAMES) {
    const path = paths[name];
    if (path !== undefined) files[name] = contentOf(name, path);
  }
  for (const name of ['ca', 'clientCa'] as const)
    if (files[name]) refuseExpiredCas(name, paths[name]!, files[name]);
  const validTo = files.cert && files.key && checkedPair(paths, files.cert, files.key);
  const { ca, cert, key } = files;
  return { ...files, context: createSecureContext({ ca, cert, key }), validTo };
}

function contentOf(name: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new TlsFilesError(
      `${name}=${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}); it must be a PEM file that this process may read`,
    );
  }
}

function refuseExpiredCas(name: string, path: string, content: Buffer): void {
  const all = certificatesIn(name, path, content);
  if (all.every((one) => faultOfTime(one) !== undefined))
    throw new TlsFilesError(
      `the CA in ${name}=${path} ${faultOfTime(all[0]!)}; put one that is valid there`,
    );
}

/** @returns until when the certificate is valid */
function checkedPair({ cert, key }: TlsPaths, certificate: Buffer, secret: Buffer): string {
  const [own] = certificatesIn('cert', cert!, certificate);
  if (!own!.checkPrivateKey(privateKeyIn(key!, secret)))
    throw new TlsFilesError(
      `key=${key} is not the key of the certificate in cert=${cert}; give the two that were made together`,
    );
  const fault = faultOfTime(own!);
  if (fault !== undefined)
    throw new TlsFilesError(
      `the certificate in cert=${cert} ${fault}; put one that is valid there, with its key`,
    );
  return timeOf(own!.validTo).toISOString();
}

/** The error of OpenSSL is left out: nothing of a key may get into a log. */
function privateKeyIn(path: string, content: Buffer): KeyObject {
  try {
    return createPrivateKey(content);
  } catch {
    throw new TlsFilesError(
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
  throw new TlsFilesError(
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
