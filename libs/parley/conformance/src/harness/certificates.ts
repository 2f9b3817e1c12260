import { mkdtempSync, renameSync, rmSync, symlinkSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';

/** A certificate with its key, in PEM. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
}

interface Wanted {
  /** DNS names; default: the name of the service. */
  readonly dns?: readonly string[];
  readonly uris?: readonly string[];
  readonly from?: Date;
  readonly to?: Date;
}

const IN_EC = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;
const named = (value: string) => [{ name: 'commonName', value }];

export async function makeCa(name = 'the CA of a test'): Promise<Issued> {
  const extensions = [
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
  ] as const;
  const made = await generate(named(name), { ...IN_EC, extensions: [...extensions] });
  return { cert: made.cert, key: made.private };
}

/** A certificate of a service, which it shows as an owner and as a caller. */
export async function certificateFor(
  service: string,
  ca: Issued,
  { dns = [service], uris = [], from, to }: Wanted = {},
): Promise<Issued> {
  const altNames = [
    ...dns.map((value) => ({ type: 2 as const, value })),
    ...uris.map((value) => ({ type: 6 as const, value })),
  ];
  const made = await generate(named('nobody looks at this name'), {
    ...IN_EC,
    ca,
    notBeforeDate: from,
    notAfterDate: to,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      { name: 'subjectAltName', altNames },
    ],
  });
  return { cert: made.cert, key: made.private };
}

/**
 * A folder with ca.crt, tls.crt and tls.key, whose files are replaced all at once, as Kubernetes
 * replaces those of a Secret: they are links to files in a folder that is a link itself.
 */
export class CertificateFolder {
  private readonly folder = mkdtempSync(join(tmpdir(), 'parley-certificates-'));
  private count = 0;

  constructor(ca: string, own?: Issued) {
    this.put(ca, own);
    for (const name of ['ca.crt', 'tls.crt', 'tls.key'])
      symlinkSync(join('..data', name), this.path(name));
  }

  put(ca: string, own?: Issued): void {
    const next = `..${++this.count}`;
    mkdirSync(join(this.folder, next));
    const files = { 'ca.crt': ca, ...(own && { 'tls.crt': own.cert, 'tls.key': own.key }) };
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(this.folder, next, name), text);
    symlinkSync(next, join(this.folder, '..next'));
    renameSync(join(this.folder, '..next'), join(this.folder, '..data'));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** The options of a URL with these files. */
  options(...names: ('ca' | 'cert' | 'key' | 'clientCa')[]): string {
    const files = { ca: 'ca.crt', cert: 'tls.crt', key: 'tls.key', clientCa: 'ca.crt' };
    return `?${names.map((name) => `${name}=${this.path(files[name])}`).join('&')}`;
  }

  /** Those of mutual TLS. */
  get mutual(): string {
    return this.options('ca', 'cert', 'key', 'clientCa');
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
