// Messages of an order and their spans, sent to a console as services send them: what the screens
// of messages show.

/** @typedef {{ contract: string, kind: string, source: string, key?: string, body?: object, cause?: number, outcome?: string, error?: string, to: readonly string[] }} Step */

export const ORDER = '4bee58aa-0000-4000-8000-000000000001';
export const CONVERSATION = '0d31f1ed-0000-4000-8000-000000000001';
export const TRACE = '0af7651916cd43dd8448eb211c80319c';

/** @param {number} number */
export const messageId = (number) =>
  `09e6cedb-0000-4000-8000-0000000001${String(number).padStart(2, '0')}`;

const body = {
  orderId: ORDER,
  customer: { name: 'somebody', email: 'somebody@shop.example' },
  total: 1290,
  lines: [{ sku: 'TEA-1', quantity: 2 }],
};

/** @type {readonly Step[]} */
const STEPS = [
  {
    contract: 'orders.place-order',
    kind: 'call',
    source: 'gateway',
    outcome: 'ok',
    to: ['orders'],
  },
  {
    contract: 'orders.order-placed',
    kind: 'event',
    source: 'orders',
    cause: 0,
    body,
    to: ['orders', 'notifications', 'insights'],
  },
  {
    contract: 'inventory.reserve-stock',
    kind: 'command',
    source: 'orders',
    cause: 1,
    body: { orderId: ORDER, sku: 'TEA-1' },
    to: ['inventory'],
  },
  {
    contract: 'orders.order-status-changed',
    kind: 'broadcast',
    source: 'orders',
    cause: 1,
    body: { orderId: ORDER, status: 'placed' },
    to: ['gateway'],
  },
  {
    contract: 'inventory.stock-reserved',
    kind: 'event',
    source: 'inventory',
    cause: 2,
    body: { orderId: ORDER },
    to: ['orders'],
  },
  {
    contract: 'payments.charge-payment',
    kind: 'command',
    source: 'orders',
    cause: 4,
    body: { orderId: ORDER, amount: 1290, token: 'expired' },
    outcome: 'dead',
    error: 'ProviderError',
    to: ['payments'],
  },
];

/** @param {string} key @param {string | undefined} value */
const text = (key, value) => (value === undefined ? [] : [{ key, value: { stringValue: value } }]);
/** @param {string} key @param {number} value */
const number = (key, value) => [{ key, value: { doubleValue: value } }];
/** @param {string} service */
const resourceOf = (service) => ({
  attributes: [
    ...text('service.name', service),
    ...text('service.instance.id', `${service}-1`),
    ...text('service.version', '2026.11.23-1'),
  ],
});
/** @param {number} milliseconds */
const nano = (milliseconds) => `${milliseconds}000000`;

/**
 * @param {{ url: string }} console
 * @param {string} token
 */
export async function sendMessages({ url }, token) {
  const timeOfDay = Date.now();
  const began = timeOfDay - 120_000;
  const handlings = STEPS.flatMap((step, index) => step.to.map((to) => ({ step, index, to })));
  const resourceLogs = handlings.map(({ step, index, to }) => ({
    resource: resourceOf(to),
    scopeLogs: [{ logRecords: [recordOf(step, index, to, began + index * 20)] }],
  }));
  const resourceSpans = STEPS.map((step, index) => ({
    resource: resourceOf(step.to[0] ?? ''),
    scopeSpans: [{ spans: [spanOf(step, index, began + index * 20)] }],
  }));
  for (const [path, sent] of /** @type {const} */ ([
    ['/v1/logs', { resourceLogs }],
    ['/v1/traces', { resourceSpans }],
  ])) {
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(sent),
    });
    const answer = await response.text();
    if (answer !== '{}') throw new Error(`${path}: ${response.status} ${answer}`);
  }
}

/** @param {Step} step @param {number} index @param {string} to @param {number} at */
function recordOf({ contract, kind, source, body, cause, outcome = 'done', error }, index, to, at) {
  const written = body && JSON.stringify(body);
  return {
    timeUnixNano: nano(at + 12),
    eventName: 'parley.message.handled',
    traceId: TRACE,
    spanId: `00f067aa0ba9020${index}`,
    ...(written && { body: { stringValue: written } }),
    attributes: [
      ...text('messaging.message.id', messageId(index)),
      ...text('messaging.message.conversation_id', CONVERSATION),
      ...text('messaging.destination.subscription.name', to),
      ...text('parley.contract', contract),
      ...text('parley.kind', kind),
      ...text('parley.outcome', outcome),
      ...number('parley.attempt', error ? 4 : 1),
      ...number('parley.tries', 1),
      ...number('parley.took_ms', 7.4),
      ...number('parley.waited_ms', 4.6),
      ...text('parley.sent', new Date(at).toISOString()),
      ...text('parley.source', source),
      ...text('parley.producer.instance', `${source}-1`),
      ...text('parley.producer.build', '2026.11.23-1'),
      ...text('parley.headers', '{"contractversion":"1"}'),
      ...text('parley.causation.id', cause === undefined ? undefined : messageId(cause)),
      ...text('parley.key', kind === 'call' ? undefined : ORDER),
      ...(written ? number('messaging.message.body.size', written.length) : []),
      ...text('error.type', error),
      ...text('parley.error.message', error && 'the provider answers 500 to every charge'),
    ],
  };
}

/** @param {Step} step @param {number} index @param {number} at */
const spanOf = ({ contract, kind, cause, error }, index, at) => ({
  traceId: TRACE,
  spanId: `00f067aa0ba9020${index}`,
  ...(cause !== undefined && { parentSpanId: `00f067aa0ba9020${cause}` }),
  name: kind === 'call' ? 'orders.Orders/PlaceOrder' : `process ${contract}`,
  kind: kind === 'call' ? 2 : 5,
  startTimeUnixNano: nano(at),
  endTimeUnixNano: nano(at + 12),
  attributes: text('messaging.message.id', kind === 'call' ? undefined : messageId(index)),
  status: error ? { code: 2 } : {},
  ...(error && { links: [{ traceId: 'c'.repeat(32), spanId: 'd'.repeat(16) }] }),
});
