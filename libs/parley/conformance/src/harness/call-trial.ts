import { call, type Question } from '@parley/contract';
import type { Technology } from '@parley/messaging';
import {
  type CallResult,
  type CallServer,
  type CallTransport,
  type HandleCall,
  HandlerRegistry,
  type IncomingCall,
  type OutgoingCall,
  systemClock,
  type TransportContext,
} from '@parley/messaging/transport';
import { Deadline } from '@parley/resilience';
import { z } from 'zod';
import { freePort } from './free-port';
import { TcpProxy } from './tcp-proxy';

const definition = { request: z.object({ n: z.number() }), reply: z.object({ n: z.number() }) };
/** The calls that every server of a trial answers; the second one is idempotent. */
export const Ask = call('wire.ask-price', definition);
export const Read = call('wire.read-price', { ...definition, idempotent: true });
/** A call without a handler. */
export const Unanswered = call('wire.never-bound', { request: z.object({}), reply: z.object({}) });

/** A deadline that even a busy machine keeps, for tests of other things than deadlines. */
const NO_HURRY_MS = 60_000;

export const echo: HandleCall = async ({ body }) => ({ ok: true, body });
/** Answers every call with a name, as JSON. */
export const named =
  (name: string): HandleCall =>
  async () => ({ ok: true, body: Buffer.from(JSON.stringify(name)) });

interface Asking extends Partial<OutgoingCall> {
  /** Milliseconds until the deadline. */
  readonly within?: number;
  readonly contract?: Question;
}

export const asking = (body: string | Buffer = '{}', options: Asking = {}): OutgoingCall => ({
  contract: Ask,
  headers: {},
  body: Buffer.from(body),
  deadline: Deadline.within(options.within ?? NO_HURRY_MS),
  ...options,
});

/** The reply as text, or `fault: <code>`. */
export async function reply(transport: CallTransport, request = asking()): Promise<string> {
  const answer = await transport.call(request);
  return answer.ok ? answer.body.toString() : `fault: ${answer.fault.code}`;
}

/** Expects a deadline of so many milliseconds that was set after `began`, however long ago. */
export function expectDeadline(deadline: Deadline, milliseconds: number, began: number): void {
  const left = deadline.budget();
  expect(left).toBeLessThanOrEqual(milliseconds);
  expect(left + performance.now() - began).toBeGreaterThan(milliseconds - 1);
}

/** A promise and the function that settles it, for handlers that wait for the test. */
export function gate<T = void>() {
  let open!: (value: T) => void;
  const opened = new Promise<T>((resolve) => (open = resolve));
  return { opened, open };
}

/** An answerer that waits until its signal is aborted, or for `reply`. */
export function waiting() {
  const begun = gate<IncomingCall>();
  const aborted = gate<unknown>();
  const replied = gate<CallResult>();
  const answer: HandleCall = (incoming) =>
    new Promise((resolve) => {
      void replied.opened.then(resolve);
      begun.open(incoming);
      incoming.signal.addEventListener('abort', () => {
        aborted.open(incoming.signal.reason);
        resolve({ ok: false, fault: { code: 'cancelled', message: 'aborted' } });
      });
    });
  return { answer, begun: begun.opened, aborted: aborted.opened, reply: replied.open };
}

/** A running server. */
export interface Served {
  readonly server: CallServer;
  readonly port: number;
  /** The way to it, which can be cut. */
  readonly road: TcpProxy;
}

/** Servers and callers of one technology of calls; `close` ends all of a test. */
export class CallTrial {
  readonly scheme: string;
  /** Warnings of all sides. */
  readonly warnings: string[] = [];
  private readonly open: { close(): Promise<void> | void }[] = [];
  private readonly context: TransportContext = {
    service: 'wire',
    instance: 'wire-1',
    clock: systemClock,
    log: (level, message) => void (level === 'warn' && this.warnings.push(message)),
  };

  /** @param files the options of URLs for TLS; undefined: without TLS */
  constructor(
    private readonly technology: Technology,
    private readonly files?: () => string,
  ) {
    this.scheme = technology.schemes[files ? 1 : 0]!;
  }

  /** The options of the URL of each side. */
  get options(): string {
    return this.files?.() ?? '';
  }

  /** Closes something else, too, when the test ends. */
  closes(one: { close(): Promise<void> | void }): void {
    this.open.push(one);
  }

  async close(): Promise<void> {
    for (const one of this.open.splice(0).reverse()) await one.close();
  }

  /**
   * @param port default: a free one
   * @param options of the URL of the server
   */
  async serve(
    answer: HandleCall,
    port?: number,
    host?: string,
    options = this.options,
  ): Promise<Served> {
    const at = port ?? (await freePort());
    const registry = new HandlerRegistry('wire');
    const own = `${this.scheme}://127.0.0.1:1${options}`;
    const server = this.transportFor(own, at, host).server(registry, answer);
    for (const contract of [Ask, Read])
      registry.add(async () => {}, {
        contract,
        options: {},
        handlerClass: { name: 'Prices' },
        method: 'ask',
      });
    await new Promise<void>((resolve, reject) =>
      server.listen((error?: unknown) => (error ? reject(error) : resolve())),
    );
    this.closes({ close: () => server.close() });
    const road = await this.roadTo(at, undefined, host);
    return { server, port: at, road };
  }

  /** A way to a port that can be cut. @param from the port of the way; default: a free one */
  async roadTo(port: number, from?: number, host?: string): Promise<TcpProxy> {
    const url = `${this.scheme}://${host ? `[${host}]` : '127.0.0.1'}:${port}`;
    const road = await TcpProxy.to(url, port, from);
    this.closes(road);
    return road;
  }

  /** A caller of these servers, by their ways. */
  transportTo(...servers: Served[]): CallTransport {
    return this.transportFor(this.urlOf(...servers.map(({ road }) => road.port)));
  }

  urlOf(...ports: number[]): string {
    return `${this.scheme}://${ports.map((port) => `127.0.0.1:${port}`).join(',')}${this.options}`;
  }

  transportFor(url: string, port?: number, host = '127.0.0.1'): CallTransport {
    const listen = port === undefined ? undefined : { host, port };
    const transport = this.technology.openCalls!({ urlOf: () => url, listen }, this.context);
    this.closes(transport);
    return transport;
  }
}
