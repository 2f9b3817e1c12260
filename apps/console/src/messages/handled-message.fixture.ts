import { randomUUID } from 'node:crypto';
import type { HandledMessage } from './otlp';
import type { SpanRow } from './rows';

type Over = Partial<HandledMessage['message']> & {
  readonly handling?: Partial<HandledMessage['handling']>;
};

/** A handled message; times are of a minute in 2026, by its second. */
export function handledMessage({ handling = {}, ...over }: Over = {}, second = 0): HandledMessage {
  const at = new Date(Date.UTC(2026, 10, 30, 12, 0, second)).toISOString();
  const message = {
    id: randomUUID(),
    sent: at,
    contract: 'orders.order-placed',
    kind: 'event',
    source: 'orders',
    instance: 'orders-1',
    build: '1.2.3',
    key: 'order-7',
    correlation: 'conversation-1',
    causation: null,
    trace: 'a'.repeat(32),
    bytes: 20,
    headers: { contractversion: '1' },
    body: '{"note":"by default"}',
    ...over,
  };
  return {
    message,
    handling: {
      message: message.id,
      at,
      service: 'notifications',
      subscription: 'notifications.mails',
      instance: 'notifications-1',
      build: '1.2.4',
      outcome: 'done',
      attempt: 1,
      tries: 1,
      took: 5,
      waited: 12,
      error: null,
      reason: null,
      trace: message.trace,
      span: 'b'.repeat(16),
      ...handling,
    },
  };
}

export const span = (over: Partial<SpanRow> = {}): SpanRow => ({
  trace: 'a'.repeat(32),
  id: randomUUID().replaceAll('-', '').slice(0, 16),
  parent: null,
  name: 'process orders.order-placed',
  kind: 'consumer',
  service: 'notifications',
  instance: 'notifications-1',
  build: '1.2.4',
  started: Date.UTC(2026, 10, 30, 12) * 1_000,
  took: 5_000,
  failed: false,
  attributes: { 'parley.outcome': 'done' },
  links: null,
  ...over,
});
