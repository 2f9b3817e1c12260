import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as it was exported. */
export interface ReceivedSpan {
  /** `service.name` of its process, and everything else that is said of it. */
  readonly service: string;
  readonly resource: Attributes;
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  readonly traceId: string;
  readonly spanId: string;
  /** Undefined: it is the root of its trace. */
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly links: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly attributes: Attributes;
  }[];
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
  readonly attributes: Attributes;
  readonly failed: boolean;
}

type Attributes = Readonly<Record<string, unknown>>;

const KINDS = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
const FAILED = 2;

/** Receives traces by OTLP over HTTP, as JSON: a collector for tests. */
export class TraceReceiver {
  readonly spans: ReceivedSpan[] = [];
  private readonly server: Server = createServer((request, response) => {
    void textOf(request).then((text) => {
      this.take(JSON.parse(text) as Export);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });

  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  static async open(): Promise<TraceReceiver> {
    const receiver = new TraceReceiver();
    await new Promise<void>((open) => receiver.server.listen(0, '127.0.0.1', open));
    return receiver;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }

  private take({ resourceSpans = [] }: Export): void {
    for (const { resource, scopeSpans = [] } of resourceSpans) {
      const about = attributesOf(resource?.attributes);
      for (const { spans = [] } of scopeSpans)
        this.spans.push(...spans.map((span) => received(span, about)));
    }
  }
}

/** The fields of an export that are read here. */
interface Export {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly KeyValue[] };
    readonly scopeSpans?: readonly { readonly spans?: readonly ExportedSpan[] }[];
  }[];
}

interface ExportedSpan {
  readonly name: string;
  readonly kind?: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly attributes?: readonly KeyValue[];
  readonly links?: readonly Pick<ExportedSpan, 'traceId' | 'spanId' | 'attributes'>[];
  readonly events?: readonly Pick<ExportedSpan, 'name' | 'attributes'>[];
  readonly status?: { readonly code?: number };
}

interface KeyValue {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

function received(span: ExportedSpan, resource: Attributes): ReceivedSpan {
  const { name, kind = 0, traceId, spanId, parentSpanId, traceState } = span;
  return {
    service: String(resource['service.name']),
    resource,
    name,
    kind: KINDS[kind]!,
    traceId,
    spanId,
    parentSpanId: parentSpanId === '' ? undefined : parentSpanId,
    traceState: traceState === '' ? undefined : traceState,
    links: (span.links ?? []).map((link) => ({
      traceId: link.traceId,
      spanId: link.spanId,
      attributes: attributesOf(link.attributes),
    })),
    events: (span.events ?? []).map((event) => ({
      name: event.name,
      attributes: attributesOf(event.attributes),
    })),
    attributes: attributesOf(span.attributes),
    failed: span.status?.code === FAILED,
  };
}

/** Integers of 64 bits travel as text. */
const attributesOf = (pairs: readonly KeyValue[] = []): Attributes =>
  Object.fromEntries(
    pairs.map(({ key, value }) => [
      key,
      'intValue' in value ? Number(value['intValue']) : Object.values(value)[0],
    ]),
  );

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
