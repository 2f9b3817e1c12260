import { constants } from 'node:crypto';
import { isIP } from 'node:net';
import type { ConnectionOptions, SecureContextOptions, TLSSocket } from 'node:tls';
import type { CallFault, Caller } from '../../ports/call-transport';
import { serverCheck, serviceOf } from './certificate-names';
import type { TlsFiles } from './tls-files';
import { UNTRUSTED } from './trust';

/** The side of a caller: for connections to one instance of an owner. */
export class ClientTls {
  constructor(
    private readonly files: TlsFiles,
    private readonly owner: string,
    /** The name by which the instance was found, or its address. */
    private readonly host: string,
    private readonly alpn?: readonly string[],
  ) {}

  /** Changes when new connections have another certificate, or trust other ones. */
  get version(): number {
    return this.files.version;
  }

  /** For the next connection. */
  options(): ConnectionOptions &
    Required<Pick<ConnectionOptions, 'secureContext' | 'servername' | 'checkServerIdentity'>> {
    return {
      secureContext: this.files.current.context,
      servername: isIP(this.host) === 0 ? this.host : this.owner,
      checkServerIdentity: serverCheck(this.owner, this.host),
      ...(this.alpn && { ALPNProtocols: [...this.alpn] }),
    };
  }
}

/** The caller at the other end of a connection, as far as TLS proved it. */
export interface Peer {
  /** Undefined: it has not proved to be a service. */
  readonly caller?: Caller;
  /** Nothing of this connection is handled: why. */
  readonly refusal?: CallFault;
}

const NO_TICKETS = constants.SSL_OP_NO_TICKET;

/** The side of an owner. */
export class ServerTls {
  constructor(private readonly files: TlsFiles) {}

  /** True when callers need a certificate. */
  get isMutual(): boolean {
    return this.files.current.clientCa !== undefined;
  }

  /**
   * For the server. A connection whose certificate is not good is not cut by TLS, which would say
   * nothing to its caller: it is refused with a reason, and nothing of it is handled.
   */
  options(): SecureContextOptions & { requestCert: boolean; rejectUnauthorized: boolean } {
    return { ...this.context(), requestCert: this.isMutual, rejectUnauthorized: false };
  }

  /**
   * Certificate, key and CAs of callers, as they are now. No session is resumed: each connection
   * shows its certificate to the CAs of its time.
   */
  context(): SecureContextOptions {
    const { clientCa: ca, cert, key } = this.files.current;
    return { ca, cert, key, secureOptions: NO_TICKETS };
  }

  /** Calls back when `context` has changed. */
  onChange(listener: () => void): void {
    this.files.onChange(listener);
  }

  /** Once a connection. */
  peerOf(socket: TLSSocket): Peer {
    if (!this.isMutual) return {};
    if (!socket.authorized) return { refusal: refusalOf(socket) };
    const service = serviceOf(socket.getPeerX509Certificate()?.subjectAltName);
    return service === undefined ? {} : { caller: { service, proof: 'certificate' } };
  }
}

function refusalOf(socket: TLSSocket): CallFault {
  const why = String(socket.authorizationError);
  if (!socket.getPeerX509Certificate())
    return untrusted('it wants a certificate of its callers; give CALLS_URL a cert and a key');
  if (why === 'CERT_HAS_EXPIRED') return untrusted('the certificate of this caller has expired');
  return untrusted(
    `the certificate of this caller is signed by no CA that the owner knows (${why})`,
  );
}

const untrusted = (message: string): CallFault => ({ code: UNTRUSTED, message });
