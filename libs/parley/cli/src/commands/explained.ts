import { z } from 'zod';
import type { Paint } from '../output/colours';

export const Contract = z.looseObject({
  name: z.string(),
  kind: z.enum(['call', 'command', 'broadcast', 'event']),
  owner: z.string(),
  version: z.number(),
  key: z.string().optional(),
});
export type Contract = z.infer<typeof Contract>;

/** How messages of the contract leave a service. */
export const Route = z.looseObject({
  technology: z.string(),
  address: z.string(),
  hops: z.array(z.looseObject({ what: z.string(), name: z.string(), why: z.string() })),
});
type Route = z.infer<typeof Route>;

export const Handler = z.looseObject({
  kind: z.enum(['call', 'command', 'broadcast', 'event']),
  handler: z.string(),
  subscription: z.string().optional(),
  key: z.string().optional(),
  live: z.boolean().optional(),
  from: z.string().optional(),
  concurrency: z.number().optional(),
  batch: z.number().optional(),
  transaction: z.string().optional(),
  timeout: z.number().optional(),
  deadline: z.number().optional(),
  idempotent: z.boolean().optional(),
  /** Services that may call; missing: all. */
  callers: z.array(z.string()).optional(),
  retry: z
    .looseObject({
      immediate: z.number(),
      delays: z.array(z.number()),
      /** A service of an older build does not tell. */
      unfinished: z.number().optional(),
    })
    .optional(),
});
type Handler = z.infer<typeof Handler> & { readonly service: string };
type Sender = Route & { readonly service: string };

export interface Explanation {
  readonly contract: Contract;
  /** Services that may send it. */
  readonly declared: readonly string[];
  readonly senders: readonly Sender[];
  readonly handlers: readonly Handler[];
}

const KINDS: Readonly<Record<Contract['kind'], string>> = {
  call: 'synchronous: one instance of the owner answers now, or the deadline does',
  command: 'a queue: stored until its owner has handled it, once',
  broadcast: 'publish/subscribe: everybody who listens now',
  event: 'the durable log: every subscription reads it in its own pace, in the order of its key',
};

/** The way of a contract, as a drawing for people. */
export function drawn(
  { contract, senders, declared, handlers }: Explanation,
  paint: Paint,
): string {
  const { name, kind, owner, version, key } = contract;
  const lines = [
    `${paint('cyan', name)}  ${kind} of ${owner}, version ${version}${key === undefined ? '' : `, key ${key}`}`,
    paint('grey', `  ${kind}: ${KINDS[kind]}`),
    '',
  ];
  if (senders.length === 0)
    lines.push(
      declared.length === 0
        ? 'no service is declared to send it'
        : `sent by ${declared.join(', ')}, not running with anything that carries it`,
    );
  for (const { route, services } of routesOf(senders))
    lines.push(...drawnRoute(route, services, kind, paint));
  lines.push(
    handlers.length === 0 ? paint('red', '  nothing that runs handles it') : '  handled by',
  );
  for (const handler of handlers) lines.push(...drawnHandler(handler, paint));
  return lines.join('\n');
}

/** Senders whose messages go the same way are drawn once. */
function routesOf(senders: readonly Sender[]) {
  const found = new Map<string, { route: Route; services: string[] }>();
  for (const { service, technology, address, hops } of senders) {
    const route = { technology, address, hops };
    const id = JSON.stringify(route);
    found.set(id, { route, services: [...(found.get(id)?.services ?? []), service] });
  }
  return found.values();
}

function drawnRoute(
  { technology, address, hops }: Route,
  services: readonly string[],
  kind: string,
  paint: Paint,
): readonly string[] {
  const indent = ''.padEnd(11);
  const chosen = `${kind.toUpperCase()}S_URL of the sender chooses it${kind === 'call' ? '' : '; default DATABASE_URL'}`;
  return [
    `  sent by ${services.join(', ')}, carried by ${paint('green', technology)} at ${address}`,
    paint('grey', `  │ ${indent} ${chosen}`),
    ...hops.flatMap(({ what, name, why }) => [
      '  │',
      `  ▼ ${what.padEnd(11)} ${paint('yellow', name)}`,
      paint('grey', `  │ ${indent} ${why}`),
    ]),
    '  │',
  ];
}

const drawnHandler = (handler: Handler, paint: Paint): readonly string[] => [
  `  ▼ ${paint('green', handler.subscription ?? handler.service)}  ${handler.handler}`,
  ...policiesOf(handler).map((policy) => paint('grey', `      ${policy}`)),
];

const span = (ms: number): string =>
  ms >= 1_000 && ms % 1_000 === 0 ? `${ms / 1_000} s` : `${ms} ms`;
const times = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

function policiesOf(handler: Handler): readonly string[] {
  if (handler.kind === 'call') return policiesOfCall(handler);
  return [
    ...policiesOfDelivery(handler),
    ...(handler.retry ? policiesOfRetry(handler, handler.retry) : []),
  ];
}

const policiesOfCall = ({ deadline, idempotent, callers }: Handler): readonly string[] => [
  `deadline ${span(deadline ?? 0)} unless less is left of the caller's budget`,
  idempotent
    ? 'idempotent: asked again when the answer is lost'
    : 'not idempotent: a lost answer is told, never asked for again',
  ...(callers
    ? [`answers ${callers.join(', ') || 'nobody'}, by proof of the name (CALLS_ALLOWED)`]
    : []),
];

function policiesOfDelivery({ kind, key, concurrency, batch, live, from }: Handler) {
  const policies = [
    `${concurrency} at a time in each instance${key === undefined ? '' : `, one at a time of one ${key}`}`,
  ];
  if (batch !== undefined)
    policies.push(`up to ${batch} together in one transaction; each alone when that fails`);
  if (kind === 'event')
    policies.push(
      live
        ? 'live tail: from now on, at most once, to every instance'
        : `starts at ${from === 'beginning' ? 'the beginning of the log' : from} the first time it is seen; its instances share it`,
    );
  if (kind === 'broadcast') policies.push('at most once, no retries, no order promised');
  return policies;
}

function policiesOfRetry(
  { key, transaction, timeout }: Handler,
  { immediate, delays, unfinished }: NonNullable<Handler['retry']>,
): readonly string[] {
  const later =
    delays.length > 0
      ? `, deliveries again after ${delays.map(span).join(', ')}`
      : ', no later deliveries';
  return [
    transaction === 'own'
      ? 'its own transaction: outside work first, then one commit'
      : 'in one transaction with its effects, the messages it sends and the acknowledgement',
    `${immediate} more tries at once${later}, then a dead letter${key === undefined ? '' : ' that its lane waits for'}`,
    `told to give up after ${span(timeout ?? 0)}`,
    ...(unfinished === undefined
      ? []
      : [
          `after ${times(unfinished, 'handling')} alone without an outcome (its process ended), a dead letter, too`,
        ]),
  ];
}
