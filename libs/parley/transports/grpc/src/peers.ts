import type { Http2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { type ServerInterceptor, ServerCredentials, ServerInterceptingCall } from '@grpc/grpc-js';
import { type CallFault, type Peer, type ServerTls, UNTRUSTED } from '@parley/messaging/transport';
import { errorOf } from './fault';

/** The files of a server, as grpc-js takes them; it is told when they change. */
export class TlsCredentials extends ServerCredentials {
  constructor(tls: ServerTls) {
    const { requestCert, rejectUnauthorized, ...context } = tls.options();
    super({ requestCert, rejectUnauthorized }, context);
    tls.onChange(() => this.updateSecureContextOptions(tls.context()));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

const UNKNOWN: CallFault = { code: UNTRUSTED, message: 'the certificate of this caller is gone' };

/** What the callers at the other end of the connections have proved: looked at once for each. */
export class Peers {
  private readonly known = new WeakMap<Http2Session, Peer>();

  constructor(
    private readonly tls: ServerTls,
    private readonly owner: string,
  ) {}

  of(call: object): Peer {
    return this.ofSession(sessionOf((call as { call?: unknown }).call));
  }

  /** Refuses everything on a connection without a good certificate, also health and reflection. */
  readonly interceptor: ServerInterceptor = (_, call) => {
    const { refusal } = this.ofSession(sessionOf(call));
    if (!refusal) return call as ServerInterceptingCall;
    const refused = errorOf(refusal, { owner: this.owner, errors: new Map() });
    return new ServerInterceptingCall(call, {
      start: (next) => next({ onReceiveMetadata: () => call.sendStatus(refused as never) }),
    });
  };

  private ofSession(session: Http2Session | undefined): Peer {
    if (!session) return { refusal: UNKNOWN };
    let peer = this.known.get(session);
    if (!peer) this.known.set(session, (peer = this.look(session)));
    return peer;
  }

  private look(session: Http2Session): Peer {
    try {
      return this.tls.peerOf(session.socket as TLSSocket);
    } catch {
      return { refusal: UNKNOWN }; // the connection broke meanwhile
    }
  }
}

/**
 * grpc-js shows the certificate of a call, but reads it anew for each, and hides the connection:
 * where it is not found, nothing is trusted.
 */
const sessionOf = (call: unknown): Http2Session | undefined =>
  (call as { stream?: { session?: Http2Session } } | undefined)?.stream?.session;
