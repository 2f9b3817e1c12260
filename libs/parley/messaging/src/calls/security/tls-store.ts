import type { TransportContext } from '../../ports/transport';
import type { CallsUrl, InstanceAddress, TlsPaths } from '../balancing/calls-url';
import { type TlsFiles, tlsFiles } from './tls-files';
import { ClientTls, ServerTls } from './tls-sides';
import { UnusableFileError } from './watched-files';

/** The files for TLS of a call transport: each set of them is read once. */
export class TlsStore {
  private readonly known = new Map<string, TlsFiles>();

  constructor(private readonly log: TransportContext['log']) {}

  /** @throws UnusableFileError */
  filesAt(paths: TlsPaths): TlsFiles {
    const id = JSON.stringify([paths.ca, paths.cert, paths.key, paths.clientCa]);
    let files = this.known.get(id);
    if (!files) this.known.set(id, (files = tlsFiles(paths, this.log)));
    return files;
  }

  /** For connections to an instance; undefined: without TLS. */
  toInstance(
    { name, host }: InstanceAddress,
    { tls }: CallsUrl,
    owner: string,
    { alpn }: { readonly alpn?: readonly string[] },
  ): ClientTls | undefined {
    return tls && new ClientTls(this.filesAt(tls), owner, name ?? host, alpn);
  }

  /** @throws UnusableFileError */
  ofServer(paths: TlsPaths): ServerTls {
    if (paths.cert === undefined)
      throw new UnusableFileError(
        'calls are answered by TLS, but there is no certificate to show; add ?cert=/path/tls.crt&key=/path/tls.key',
      );
    return new ServerTls(this.filesAt(paths));
  }

  close(): void {
    for (const files of this.known.values()) files.close();
    this.known.clear();
  }
}
