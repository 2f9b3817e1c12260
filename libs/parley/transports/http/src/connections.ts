import type { Socket } from 'node:net';
import type { CallFault } from '@parley/messaging/transport';
import { FULL, refusalBytes, STOPPING } from './refusal';

/** Connections that are served; the next one is refused. */
const MAX_CONNECTIONS = 1_000;
/** Requests that one connection may have waiting for their responses. */
const MAX_PIPELINED = 16;
/** Milliseconds that a refused connection stays open for the client to read the refusal. */
const LINGER_MS = 1_000;

/**
 * The connections of a server: bounded in number, and ended by a response instead of being cut. A
 * client that sends a request at the moment when its idle connection is closed gets that response,
 * and knows that the request was not handled.
 */
export class Connections {
  /** Connections with their number of requests under way. */
  private readonly served = new Map<Socket, number>();

  /** @param refusal of the certificate of the client */
  accept(socket: Socket, refusal?: CallFault): void {
    if (refusal) return refuse(socket, refusal);
    if (this.served.size >= MAX_CONNECTIONS) return refuse(socket, FULL);
    this.served.set(socket, 0);
    socket.on('close', () => this.served.delete(socket));
  }

  /** False when the connection was refused: its requests get no other response. */
  begin(socket: Socket): boolean {
    const underWay = this.served.get(socket);
    if (underWay === undefined) return false;
    this.served.set(socket, underWay + 1);
    return true;
  }

  end(socket: Socket): void {
    const underWay = this.served.get(socket);
    if (underWay !== undefined) this.served.set(socket, underWay - 1);
  }

  hasRoom(socket: Socket): boolean {
    return (this.served.get(socket) ?? 0) <= MAX_PIPELINED;
  }

  /** Ends the connections that wait for a request. */
  stop(): void {
    for (const [socket, underWay] of this.served) {
      if (underWay > 0) continue;
      this.served.delete(socket);
      refuse(socket, STOPPING);
    }
  }

  cut(): void {
    for (const socket of this.served.keys()) socket.destroy();
  }
}

function refuse(socket: Socket, fault: CallFault): void {
  socket.end(refusalBytes(fault));
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
