// The whole system on one page: every process, its ports, its data and whom it talks to. `npm
// start` and `nx serve` run it; images and charts take their values from it. To add a service, add
// it here and give it a folder in apps/.

export type Service =
  | 'gateway'
  | 'orders'
  | 'catalog'
  | 'inventory'
  | 'payments'
  | 'shipping'
  | 'notifications'
  | 'insights'
  | 'console';

export type ProcessName = Service | 'payment-provider';

export interface Process {
  name: ProcessName;
  /** Its purpose, in words for a newcomer. */
  purpose: string;
  /** `edge` stops first, `outside` (a company we do not own) last. */
  place: 'edge' | 'inside' | 'outside';
  /**
   * Which ten ports are its own: HTTP at base + 10 × slot + instance; metrics and operations of the
   * edge 100 above. Never reuse one, or two processes meet on a port.
   */
  slot: number;
  /** True when it answers calls: at its HTTP port + 1000. */
  answersCalls: boolean;
  /** Number of instances `npm start` runs unless told otherwise (`--scale inventory=3`). */
  replicas: number;
  /**
   * Its schema, which only its own role can read. Without one it cannot store, so neither handle
   * commands nor events.
   */
  data?: string;
  /**
   * Owners it calls (synchronous, a reply or a deadline). A contract, `catalog.quote-price`, stands
   * for itself alone: the owner answers it no other one.
   */
  calls?: (Service | `${Service}.${string}`)[];
  /** Owners it sends commands to (stored until handled). */
  commands?: Service[];
  /** Owners whose events it follows in its own pace (the durable log). */
  follows?: Service[];
  /** Owners whose broadcasts it listens to, live. */
  listens?: Service[];
  /** Outside systems it speaks to. */
  outside?: ('payment-provider' | 'mail')[];
}

export const topology: Process[] = [
  {
    name: 'gateway',
    purpose: 'the edge: REST, GraphQL, and live order events for browsers',
    place: 'edge',
    slot: 0,
    answersCalls: false,
    replicas: 1,
    data: 'gateway',
    calls: ['catalog', 'orders', 'shipping'],
    listens: ['catalog', 'orders'],
  },
  {
    name: 'orders',
    purpose: 'takes orders and leads each one through its fulfilment (saga)',
    place: 'inside',
    slot: 1,
    answersCalls: true,
    replicas: 1,
    data: 'orders',
    calls: ['catalog'],
    commands: ['inventory', 'payments', 'shipping'],
    follows: ['orders', 'inventory', 'payments', 'shipping'],
  },
  {
    name: 'catalog',
    purpose: 'products and prices: quotes them, announces changes',
    place: 'inside',
    slot: 2,
    answersCalls: true,
    replicas: 1,
    data: 'catalog',
  },
  {
    name: 'inventory',
    purpose: 'stock: reserves and releases it, never below zero',
    place: 'inside',
    slot: 3,
    answersCalls: true,
    replicas: 1,
    data: 'inventory',
    follows: ['shipping'],
  },
  {
    name: 'payments',
    purpose: 'charges and refunds, once, against an unreliable provider',
    place: 'inside',
    slot: 4,
    answersCalls: false,
    replicas: 1,
    data: 'payments',
    outside: ['payment-provider'],
  },
  {
    name: 'shipping',
    purpose: 'labels, parcels and their progress',
    place: 'inside',
    slot: 5,
    answersCalls: true,
    replicas: 1,
    data: 'shipping',
    commands: ['shipping'],
  },
  {
    name: 'notifications',
    purpose: 'tells customers what became of their order',
    place: 'inside',
    slot: 6,
    answersCalls: false,
    replicas: 1,
    data: 'notifications',
    follows: ['orders'],
    outside: ['mail'],
  },
  {
    name: 'insights',
    purpose: 'figures projected from the event stream, from its beginning',
    place: 'inside',
    slot: 7,
    answersCalls: true,
    replicas: 1,
    data: 'insights',
    follows: ['orders', 'notifications'],
  },
  {
    name: 'console',
    purpose: 'operations: health, queues, lag, dead letters, sagas',
    place: 'inside',
    slot: 8,
    answersCalls: false,
    replicas: 1,
    data: 'console',
    calls: ['catalog', 'insights'],
  },
  {
    name: 'payment-provider',
    purpose: 'stands for an outside company: declines, is slow, fails, times out after charging',
    place: 'outside',
    slot: 9,
    answersCalls: false,
    replicas: 1,
  },
];

/**
 * The services that send a contract. Events and broadcasts: its owner. Calls and commands: the
 * processes that list its owner, or a call itself, under `calls` or `commands`.
 */
export function sendersOf(contract: {
  readonly kind: string;
  readonly owner: string;
  readonly name: string;
}) {
  const { kind, owner, name } = contract;
  const list = kind === 'call' ? 'calls' : kind === 'command' ? 'commands' : undefined;
  return topology
    .filter((process) =>
      list ? process[list]?.some((to) => to === owner || to === name) : process.name === owner,
    )
    .map(({ name }) => name);
}

// Below the ports that systems give to outgoing connections (Linux: 32768 and up): one of those
// would make a start fail now and then.
export const PORTS = {
  base: 4000,
  operationsAbove: 100,
  callsAbove: 1000,
  /** Of the identity provider of `npm start -- --auth`. */
  identityProviderAbove: 200,
  postgres: 25432,
  slots: 10,
};

export function httpPort(process: Process, instance: number, base = PORTS.base): number {
  return base + process.slot * PORTS.slots + instance;
}

export function callsPort(
  process: Process,
  instance: number,
  base = PORTS.base,
): number | undefined {
  return process.answersCalls ? httpPort(process, instance, base) + PORTS.callsAbove : undefined;
}

/** Where metrics and operations are, if not at its HTTP port: that of the edge is for strangers. */
export function operationsPort(
  process: Process,
  instance: number,
  base = PORTS.base,
): number | undefined {
  return process.place === 'edge'
    ? httpPort(process, instance, base) + PORTS.operationsAbove
    : undefined;
}

export const instanceName = (process: Process, instance: number): string =>
  `${process.name}-${instance + 1}`;

/** The owners that a process calls. */
export const ownersCalled = ({ calls = [] }: Process): Service[] => [
  ...new Set(calls.map((name) => name.split('.')[0] as Service)),
];

/** Who may call an owner, as its variables CALLS_ALLOWED and CALLS_ALLOWED_<OWNER>_<NAME> say it. */
export function callsAllowed(owner: ProcessName): Record<string, string> {
  const callersOf = (...names: string[]) =>
    topology.filter(({ calls = [] }) => calls.some((name) => names.includes(name)));
  const list = (callers: Process[]) => callers.map(({ name }) => name).join(',') || 'none';
  const contracts = topology
    .flatMap(({ calls = [] }) => calls)
    .filter((name) => name.startsWith(`${owner}.`));
  return {
    CALLS_ALLOWED: list(callersOf(owner)),
    ...Object.fromEntries(
      contracts.map((name) => [
        `CALLS_ALLOWED_${name.toUpperCase().replace(/[.-]/g, '_')}`,
        list(callersOf(owner, name)),
      ]),
    ),
  };
}
