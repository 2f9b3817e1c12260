import { randomUUID } from 'node:crypto';
import type { Order } from '@contracts/orders';
import type { DeliveryObserver } from '@parley/messaging/transport';
import { httpPort, topology } from '../../../topology';
import { CONSOLE_ABOVE, PROVIDER_ABOVE } from '../../gateway/page/src/addresses';
import { EDGES, OUTSIDE, PLACES } from '../../gateway/page/src/places';
import { SCENARIOS } from '../../gateway/page/src/scenarios';
import { type Hop, stageOf, STAGES, wayOf } from '../../gateway/page/src/way';
import { startGateway } from './gateway.fixture';
import { Shop } from './shop.fixture';
import { SCARCE, type Service, type Wish } from './stage';

/** What the storefront asks for beside the order: no part of its way. */
const LOOKS = ['orders.get-order'];

const written = ({ kind, contract, from, to }: Hop) => `${kind} ${contract}: ${from} → ${to}`;
const setOf = (hops: readonly Hop[]) => [...new Set(hops.map(written))].sort();

/** The shop with its gateway, and every message that a service has handled. */
class WatchedShop {
  private orderId = '';

  private constructor(
    readonly shop: Shop,
    readonly handled: readonly Hop[],
    private readonly url: string,
  ) {}

  static async open(): Promise<WatchedShop> {
    const handled: Hop[] = [];
    const shop = await Shop.open({ observer: observerOf(handled) });
    return new WatchedShop(shop, handled, await startGateway(shop.harness));
  }

  /** Places an order at the gateway, as the page does. */
  async place({ token = 'tok_ok', country = 'GB', lines }: Wish = {}): Promise<void> {
    const address = { line1: '1 Mill Lane', city: 'Bath', postcode: 'BA1 1AA', country };
    const response = await fetch(`${this.url}/orders`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': randomUUID(),
        connection: 'close',
      },
      body: JSON.stringify({
        customer: { name: 'Ada', email: 'ada@example.org', address },
        lines: lines ?? [{ sku: 'TEA-0001', quantity: 2 }],
        payment: { token },
      }),
    });
    this.orderId = ((await response.json()) as { orderId: string }).orderId;
    this.shop.orderIds.push(this.orderId);
  }

  order(): Promise<Order> {
    return this.shop.order(this.orderId);
  }

  /** Waits until every order has ended. */
  async history() {
    await this.shop.finish();
    return (await this.order()).history;
  }

  patienceEnds(): Promise<void> {
    return this.shop.patienceEnds();
  }
}

function observerOf(seen: Hop[]): DeliveryObserver {
  const sender = (source: string) => source.slice(1);
  return {
    handled({ kind, contract, subscription, outcome, envelope }) {
      if (outcome === 'done' && envelope)
        seen.push({ kind, contract, from: sender(envelope.source), to: ownerOf(subscription) });
    },
    answered({ contract, envelope }) {
      if (envelope && !LOOKS.includes(contract))
        seen.push({
          kind: 'call',
          contract,
          from: sender(envelope.source),
          to: ownerOf(contract),
        });
    },
  };
}

/** `orders.fulfilment` is a subscription of orders. */
const ownerOf = (name: string): string => name.split('.')[0]!;

/** An order for each way that there is; the page knows no other lines of a history. */
const STORIES: readonly (readonly [string, (watched: WatchedShop) => Promise<void>])[] = [
  ...SCENARIOS.map(
    ({ label, token, country }) =>
      [label, (watched: WatchedShop) => watched.place({ token, country })] as const,
  ),
  [
    'There is not enough of it',
    (watched) => watched.place({ lines: [{ sku: SCARCE, quantity: 2 }] }),
  ],
  [
    'It takes too long at payments',
    async (watched) => {
      await watched.shop.away('payments');
      await watched.place({ token: 'tok_declined' });
      await watched.patienceEnds();
      await watched.shop.back('payments');
    },
  ],
  [
    'It takes too long at shipping',
    async (watched) => {
      await watched.shop.away('shipping');
      await watched.place({ country: 'AQ' });
      await watched.patienceEnds();
      await watched.shop.back('shipping');
    },
  ],
];

jest.setTimeout(60_000);

describe('the map of the storefront', () => {
  let watched: WatchedShop;

  beforeEach(async () => {
    watched = await WatchedShop.open();
  });
  afterEach(() => watched.shop.close());

  const known = new Set<unknown>();

  it.each(STORIES)('draws the messages that were handled, and no other: %s', async (_, tell) => {
    await tell(watched);
    const history = await watched.history();
    for (const entry of history) {
      expect([entry.what, stageOf(entry)]).toEqual([entry.what, expect.anything()]);
      known.add(stageOf(entry));
    }
    const { went, follow, next } = wayOf(history);
    expect(setOf([...went.map(({ hop }) => hop), ...follow])).toEqual(setOf(watched.handled));
    expect(next).toBeUndefined();
  });

  it('has no stage that never happens', () => {
    expect(STAGES.filter((stage) => !known.has(stage)).map(({ says }) => says)).toEqual([]);
  });

  it.each<[Service]>([['inventory'], ['payments'], ['shipping']])(
    'shows that an order waits for %s while it is away, by a message that is sent and not handled',
    async (service) => {
      await watched.shop.away(service);
      await watched.place();
      await watched.shop.harness.settled();
      const { went, next } = wayOf((await watched.order()).history);
      expect(next).toMatchObject({ kind: 'command', from: 'orders', to: service });
      expect(setOf(watched.handled)).not.toContain(written(next!));
      expect(setOf(went.map(({ hop }) => hop))).not.toContain(written(next!));
      await watched.shop.back(service);
      await watched.history();
      expect(setOf(watched.handled)).toContain(written(next!));
    },
  );

  it('has every process of the topology, and each line between two that may talk to each other', () => {
    expect(Object.keys(PLACES).sort()).toEqual(topology.map(({ name }) => name).sort());
    const process = (name: string) => topology.find((one) => one.name === name)!;
    for (const { kind, from, to } of EDGES) {
      const { calls = [], commands = [] } = process(from);
      const { follows = [], listens = [] } = process(to);
      const declared: Record<Hop['kind'], readonly string[]> = {
        call: calls.includes(to as Service) ? [`${from}-${to}`] : [],
        command: commands.includes(to as Service) ? [`${from}-${to}`] : [],
        event: follows.includes(from as Service) ? [`${from}-${to}`] : [],
        broadcast: listens.includes(from as Service) ? [`${from}-${to}`] : [],
      };
      expect([kind, declared[kind]]).toEqual([kind, [`${from}-${to}`]]);
    }
    expect(process(OUTSIDE.from).outside).toContain(OUTSIDE.to);
  });

  it('draws one kind of messages on a line', () => {
    const kinds = new Map<string, Set<string>>();
    for (const { went, next, follow } of STAGES)
      for (const { from, to, kind } of [...went, ...(next ? [next] : []), ...follow])
        if (from !== to)
          kinds.set(`${from}-${to}`, (kinds.get(`${from}-${to}`) ?? new Set()).add(kind));
    expect([...kinds].filter(([, some]) => some.size > 1)).toEqual([]);
  });
});

describe('the addresses of the storefront', () => {
  it('are those that npm start gives', () => {
    const portOf = (name: string) =>
      httpPort(
        topology.find((one) => one.name === name)!,
        0,
      );
    expect(portOf('console') - portOf('gateway')).toBe(CONSOLE_ABOVE);
    expect(portOf('payment-provider') - portOf('gateway')).toBe(PROVIDER_ABOVE);
  });
});
