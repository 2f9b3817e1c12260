import { randomUUID } from 'node:crypto';
import { command, event, type Contract } from '@parley/contract';
import type {
  Failure,
  OutgoingMessage,
  ParkedMessage,
  RegisteredSubscription,
} from '@parley/messaging/transport';
import { z } from 'zod';

/* Messages for the promises of stores. */

export const SUBSCRIPTION = 'insights.orders';
export const subscription: RegisteredSubscription = {
  kind: 'event',
  name: SUBSCRIPTION,
  handlers: new Map(),
  concurrency: 5,
  from: 'beginning',
  live: false,
};
export const Placed = event('trial.order-placed', z.object({ orderId: z.string() }), {
  key: 'orderId',
});
export const Ship = command('trial.ship-order', z.object({ orderId: z.string() }));

export const failure: Failure = {
  error: 'TypeError',
  message: 'no luck',
  stack: 'TypeError: no luck\n    at nowhere',
  tries: 4,
  instance: 'insights-1',
  firstFailedAt: '2026-01-01T00:00:00.000Z',
  lastFailedAt: '2026-01-01T00:00:01.000Z',
};

export const idsOf = (messages: readonly { readonly headers: ParkedMessage['headers'] }[]) =>
  messages.map(({ headers }) => headers.id);

export function message(
  options: {
    key?: string;
    subscription?: string;
    body?: Buffer;
    type?: string;
    passes?: boolean;
  } = {},
): ParkedMessage {
  const key = 'key' in options ? options.key : 'o-1';
  const partition: Record<string, string> = key === undefined ? {} : { partitionkey: key };
  return {
    subscription: options.subscription ?? SUBSCRIPTION,
    key,
    passesDeadLetters: options.passes,
    headers: {
      id: randomUUID(),
      type: options.type ?? Placed.name,
      ...partition,
      ...(options.passes && { passdeadletters: 'true' }),
    },
    body: options.body ?? Buffer.from('{"orderId":"o-1"}'),
  };
}

export function sent({
  contract = Placed,
  ...rest
}: { contract?: Contract; body?: Buffer; delay?: number } = {}): OutgoingMessage {
  const id = randomUUID();
  return {
    contract,
    envelope: {
      specversion: '1.0',
      id,
      type: contract.name,
      source: '/orders',
      time: '2026-01-01T00:00:00.000Z',
      datacontenttype: 'application/json',
      contractversion: '1',
      correlationid: id,
      partitionkey: 'o-1',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      producerinstance: 'orders-1',
      producerbuild: 'test',
    },
    body: Buffer.from('{"orderId":"o-1"}'),
    ...rest,
  };
}
