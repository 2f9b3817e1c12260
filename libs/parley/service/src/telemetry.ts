import { diag, DiagLogLevel } from '@opentelemetry/api';
import { LogThrottle, moreTimes } from '@parley/messaging/transport';
import { type Logger, OpenTelemetryTracing } from '@parley/observability';
import type { Environment } from './environment';
import { installed } from './installed';
import { FailedTraces, RatioSampler } from './sampling';

/** The tracing of a process, and its end. */
export interface Telemetry {
  readonly tracing: OpenTelemetryTracing;
  /** Exports the spans that are left. */
  close(): Promise<void>;
}

/** The relay publishes 500 messages at once at most. */
const MOST_LINKS = 500;

const NEEDED = 'OTEL_EXPORTER_OTLP_ENDPOINT: traces are exported by the SDK';

/**
 * Starts the SDK of OpenTelemetry, for this process alone. Undefined, and nothing is loaded, while
 * no endpoint is set. The exporter itself reads `OTEL_EXPORTER_OTLP_HEADERS`, `…_TIMEOUT` and
 * `…_COMPRESSION`.
 */
export async function telemetryOf(
  service: string,
  environment: Pick<
    Environment,
    | 'OTEL_EXPORTER_OTLP_ENDPOINT'
    | 'OTEL_TRACES_SAMPLER_ARG'
    | 'TRACES_OF_FAILURES'
    | 'INSTANCE'
    | 'BUILD'
  >,
  logger: Pick<Logger, 'write'>,
): Promise<Telemetry | undefined> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: ratio } = environment;
  if (endpoint === undefined) return undefined;
  const { BatchSpanProcessor, TracerProvider } = await installed(
    '@opentelemetry/sdk-trace',
    NEEDED,
    () => import('@opentelemetry/sdk-trace'),
  );
  const { OTLPTraceExporter } = await installed(
    '@opentelemetry/exporter-trace-otlp-http',
    NEEDED,
    () => import('@opentelemetry/exporter-trace-otlp-http'),
  );
  const { AsyncLocalStorageContextManager } = await installed(
    '@opentelemetry/context-async-hooks',
    NEEDED,
    () => import('@opentelemetry/context-async-hooks'),
  );
  const { resourceFromAttributes } = await installed(
    '@opentelemetry/resources',
    NEEDED,
    () => import('@opentelemetry/resources'),
  );
  const { context, trace } = await import('@opentelemetry/api');
  logProblems(logger);
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces` });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': service,
      'service.instance.id': environment.INSTANCE,
      'service.version': environment.BUILD,
    }),
    sampler: new RatioSampler(ratio, environment.TRACES_OF_FAILURES === 'on'),
    spanLimits: { linkCountLimit: MOST_LINKS },
    spanProcessors: [new FailedTraces(new BatchSpanProcessor({ exporter }))],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(provider); // for the instrumentation that an application adds
  return {
    tracing: new OpenTelemetryTracing(provider.getTracer('@parley/observability')),
    close: () => provider.shutdown(),
  };
}

/** A collector that is away must not fill the log. */
function logProblems({ write }: Pick<Logger, 'write'>): void {
  const throttle = new LogThrottle();
  const log = (message: string) =>
    throttle.log('traces', (more) =>
      write('warn', `traces cannot be exported: ${sentenceOf(message)}${moreTimes(more)}`),
    );
  const nothing = () => undefined;
  const logger = { error: log, warn: log, info: nothing, debug: nothing, verbose: nothing };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}

/** The SDK tells an error as JSON with its stack. */
function sentenceOf(told: string): string {
  try {
    const { message = told } = JSON.parse(told) as { readonly message?: string };
    return message;
  } catch {
    return told;
  }
}
