import { randomUUID } from 'node:crypto';
import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { OpenTelemetryTracing } from '@parley/observability';
import { traceRequests } from '@parley/service';
import { type ReceivedSpan, TraceReceiver } from '@parley/conformance';
import { startGateway } from './gateway.fixture';
import { Shop } from './shop.fixture';

/** Spans of a process that wait for `received`. */
const MOST_SPANS = 20_000;

/** The whole shop with the gateway, whose spans go to a receiver of its own. */
export class TracedShop {
  private readonly providers = new Map<string, TracerProvider>();
  private readonly contexts = new AsyncLocalStorageContextManager().enable();
  private url!: string;

  private constructor(
    private readonly receiver: TraceReceiver,
    readonly shop: Shop,
  ) {}

  static async open(): Promise<TracedShop> {
    const receiver = await TraceReceiver.open();
    const traced: { shop?: TracedShop } = {};
    const pending = new Map<string, TracerProvider>();
    const shop = await Shop.open({
      tracing: (service, now) =>
        new OpenTelemetryTracing(tracerOf(pending, receiver, service), now),
    });
    traced.shop = new TracedShop(receiver, shop);
    await traced.shop.openGateway(pending);
    return traced.shop;
  }

  /** Places an order at the gateway, as a customer would. */
  async place(headers: Record<string, string> = {}): Promise<string> {
    const address = { line1: 'Gasse 1', city: 'Ulm', postcode: '89073', country: 'DE' };
    const response = await fetch(`${this.url}/orders`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': randomUUID(),
        connection: 'close',
        ...headers,
      },
      body: JSON.stringify({
        customer: { name: 'Ada', email: 'ada@example.org', address },
        lines: [{ sku: 'TEA-0001', quantity: 2 }],
        payment: { token: 'tok_ok' },
      }),
    });
    if (!response.ok) throw new Error(await response.text());
    const { orderId } = (await response.json()) as { orderId: string };
    this.shop.orderIds.push(orderId);
    return orderId;
  }

  /** All spans so far. */
  async received(): Promise<readonly ReceivedSpan[]> {
    await Promise.all([...this.providers.values()].map((provider) => provider.forceFlush()));
    return this.receiver.spans;
  }

  async close(): Promise<void> {
    await this.shop.close();
    await Promise.all([...this.providers.values()].map((provider) => provider.shutdown()));
    await this.receiver.close();
    context.disable();
  }

  private async openGateway(pending: Map<string, TracerProvider>): Promise<void> {
    context.setGlobalContextManager(this.contexts);
    const tracing = new OpenTelemetryTracing(tracerOf(pending, this.receiver, 'gateway'));
    this.url = await startGateway(this.shop.harness, {
      configure: (app) => traceRequests(app, tracing),
    });
    for (const [service, provider] of pending) this.providers.set(service, provider);
  }
}

function tracerOf(
  providers: Map<string, TracerProvider>,
  { endpoint }: TraceReceiver,
  service: string,
) {
  let provider = providers.get(service);
  if (!provider) {
    const exporter = new OTLPTraceExporter({ url: `${endpoint}/v1/traces` });
    provider = new TracerProvider({
      resource: resourceFromAttributes({ 'service.name': service }),
      spanProcessors: [new BatchSpanProcessor({ exporter, maxQueueSize: MOST_SPANS })],
    });
    providers.set(service, provider);
  }
  return provider.getTracer('test');
}
