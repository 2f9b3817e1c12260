import {
  type sendUnaryData,
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
} from '@grpc/grpc-js';
import { Reader } from 'protobufjs/minimal';

/** grpc.health.v1.HealthCheckResponse.ServingStatus */
const [SERVING, NOT_SERVING, SERVICE_UNKNOWN] = [1, 2, 3];
/** Streams that are told of changes; a further one is refused. */
const MAX_WATCHERS = 100;
export const HEALTH_SERVICE = 'grpc.health.v1.Health';

type Watcher = ServerWritableStream<Buffer, Buffer>;

/** The standard health service: what balancers and probes of others ask. */
export class HealthService {
  private isServing = true;
  private readonly watchers = new Set<Watcher>();

  /** @param services that this server has; the empty name stands for all of them */
  constructor(private readonly services: readonly string[]) {}

  register(server: Server): void {
    const same = (bytes: Buffer): Buffer => bytes;
    server.register(
      `/${HEALTH_SERVICE}/Check`,
      (call: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) => {
        const name = serviceIn(call.request);
        if (name === undefined) respond(UNREADABLE);
        else if (!this.has(name))
          respond({ code: status.NOT_FOUND, details: 'this server has no such service' });
        else respond(null, responseOf(this.statusOf(name)));
      },
      same,
      same,
      'unary',
    );
    server.register(
      `/${HEALTH_SERVICE}/Watch`,
      (call: Watcher) => this.watch(call),
      same,
      same,
      'serverStream',
    );
  }

  /** Tells those who watch, and ends their streams: a drain waits for none of them. */
  stop(): void {
    this.isServing = false;
    for (const watcher of this.watchers) {
      watcher.write(responseOf(this.statusOf(serviceIn(watcher.request) ?? '')));
      watcher.end();
    }
    this.watchers.clear();
  }

  private watch(call: Watcher): void {
    const name = serviceIn(call.request);
    if (name === undefined) return void call.emit('error', UNREADABLE);
    if (this.watchers.size >= MAX_WATCHERS) return void call.emit('error', TOO_MANY);
    call.write(responseOf(this.statusOf(name)));
    if (!this.isServing) return void call.end();
    this.watchers.add(call);
    call.on('cancelled', () => this.watchers.delete(call));
  }

  private has(name: string): boolean {
    return name === '' || this.services.includes(name);
  }

  private statusOf(name: string): number {
    if (!this.has(name)) return SERVICE_UNKNOWN!;
    return this.isServing ? SERVING! : NOT_SERVING!;
  }
}

const UNREADABLE = {
  code: status.INVALID_ARGUMENT,
  details: 'the request is no HealthCheckRequest',
};
const TOO_MANY = {
  code: status.RESOURCE_EXHAUSTED,
  details: `${MAX_WATCHERS} streams watch already`,
};
const responseOf = (serving: number): Buffer => Buffer.from([8, serving]);

/** The name in a HealthCheckRequest; undefined for bytes that are none. */
function serviceIn(request: Buffer): string | undefined {
  try {
    const reader = Reader.create(request);
    let name = '';
    while (reader.pos < reader.len) {
      const tag = reader.tag();
      if (tag === 10) name = reader.string();
      else reader.skipType(tag & 7);
    }
    return name;
  } catch {
    return undefined;
  }
}
