import { parse, type Type } from 'protobufjs';
import type { LogExport, TraceExport } from './otlp';

/** The fields of OTLP 1.x that are kept, with the numbers of opentelemetry-proto. */
const PROTO = `
  syntax = "proto3";
  message Array { repeated Value values = 1; }
  message Value {
    oneof value {
      string stringValue = 1; bool boolValue = 2; int64 intValue = 3; double doubleValue = 4; Array arrayValue = 5;
    }
  }
  message KeyValue { string key = 1; Value value = 2; }
  message Resource { repeated KeyValue attributes = 1; }

  message Link { bytes traceId = 1; bytes spanId = 2; repeated KeyValue attributes = 4; }
  message SpanEvent { fixed64 timeUnixNano = 1; string name = 2; repeated KeyValue attributes = 3; }
  message Status { string message = 2; int32 code = 3; }
  message Span {
    bytes traceId = 1; bytes spanId = 2; bytes parentSpanId = 4; string name = 5; int32 kind = 6;
    fixed64 startTimeUnixNano = 7; fixed64 endTimeUnixNano = 8; repeated KeyValue attributes = 9;
    repeated SpanEvent events = 11; repeated Link links = 13; Status status = 15;
  }
  message ScopeSpans { repeated Span spans = 2; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scopeSpans = 2; }
  message Traces { repeated ResourceSpans resourceSpans = 1; }

  message LogRecord {
    fixed64 timeUnixNano = 1; Value body = 5; repeated KeyValue attributes = 6;
    bytes traceId = 9; bytes spanId = 10; string eventName = 12;
  }
  message ScopeLogs { repeated LogRecord logRecords = 2; }
  message ResourceLogs { Resource resource = 1; repeated ScopeLogs scopeLogs = 2; }
  message Logs { repeated ResourceLogs resourceLogs = 1; }
`;

let types: { readonly Traces: Type; readonly Logs: Type } | undefined;
function typeOf(name: 'Traces' | 'Logs'): Type {
  if (!types) {
    const { root } = parse(PROTO);
    types = { Traces: root.lookupType('Traces'), Logs: root.lookupType('Logs') };
  }
  return types[name];
}

/** Ids are bytes there, and hexadecimal in JSON. */
const hex = (bytes: unknown): string =>
  bytes instanceof Uint8Array ? Buffer.from(bytes).toString('hex') : '';

/** @throws an error of protobufjs where the bytes are no export */
export function tracesFromProtobuf(body: Uint8Array): TraceExport {
  const type = typeOf('Traces');
  const read = type.toObject(type.decode(body), { longs: String }) as TraceExport;
  return {
    resourceSpans: (read.resourceSpans ?? []).map(({ resource, scopeSpans = [] }) => ({
      resource,
      scopeSpans: scopeSpans.map(({ spans = [] }) => ({
        spans: spans.map((span) => ({
          ...span,
          traceId: hex(span.traceId),
          spanId: hex(span.spanId),
          parentSpanId: hex(span.parentSpanId),
          links: (span.links ?? []).map(({ traceId, spanId }) => ({
            traceId: hex(traceId),
            spanId: hex(spanId),
          })),
        })),
      })),
    })),
  };
}

/** @throws an error of protobufjs where the bytes are no export */
export function logsFromProtobuf(body: Uint8Array): LogExport {
  const type = typeOf('Logs');
  const read = type.toObject(type.decode(body), { longs: String }) as LogExport;
  return {
    resourceLogs: (read.resourceLogs ?? []).map(({ resource, scopeLogs = [] }) => ({
      resource,
      scopeLogs: scopeLogs.map(({ logRecords = [] }) => ({
        logRecords: logRecords.map((record) => ({
          ...record,
          traceId: hex(record.traceId),
          spanId: hex(record.spanId),
        })),
      })),
    })),
  };
}
