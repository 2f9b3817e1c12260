import type { CatalogueEntry, Instance, State } from '../api/types';
import { graphOf } from './graph';

const contract = (
  name: string,
  kind: CatalogueEntry['kind'],
  senders: readonly string[],
  handlers: readonly string[],
): CatalogueEntry => ({
  ...{ name, kind, senders, owner: name.split('.')[0]!, version: 1 },
  handlers: handlers.map((service) => ({ service, handler: `C.${name}`, version: 1 })),
});
const instance = (service: string, state: State = 'ready'): Instance => ({
  ...{ service, state, url: `http://${service}`, causes: [] },
});

describe('the map', () => {
  const { nodes, edges } = graphOf({
    catalogue: {
      contracts: [
        contract('orders.order-placed', 'event', ['orders'], ['insights', 'orders', 'insights']),
        contract('orders.order-shipped', 'event', ['orders'], ['insights']),
        contract('inventory.reserve-stock', 'command', ['orders'], ['inventory']),
        contract('inventory.stock-levels', 'call', ['shop'], []),
      ],
      unanswered: [],
    },
    instances: [
      instance('orders'),
      instance('orders', 'silent'),
      instance('insights'),
      instance('console'),
    ],
    backlog: [
      {
        service: 'insights',
        items: [
          { subscription: 'insights.figures', waiting: 5, parked: 2, delayed: 1, dead: 3 },
          { subscription: 'insights', waiting: 1, parked: 0, delayed: 0, dead: 0 },
        ],
      },
      { service: 'orders', error: 'refused' },
    ],
    deadLetters: [{ service: 'insights', count: 3, deadLetters: [] }],
  });

  it('has an edge for each kind between two services, with its contracts', () => {
    expect(edges.map(({ id, contracts }) => [id, contracts.map(({ name }) => name)])).toEqual([
      ['orders event insights', ['orders.order-placed', 'orders.order-shipped']],
      ['orders event orders', ['orders.order-placed']],
      ['orders command inventory', ['inventory.reserve-stock']],
    ]);
  });

  it('has every service, also one that is only named, and one that says nothing', () => {
    expect(nodes.map(({ id, instances }) => [id, instances])).toEqual([
      ['console', 1],
      ['insights', 1],
      ['inventory', 0],
      ['orders', 2],
    ]);
  });

  it('shows who is well, who only works, and who does not', () => {
    const states = Object.fromEntries(nodes.map(({ id, state }) => [id, state]));
    expect(states).toEqual({ console: 'good', insights: 'warn', inventory: 'bad', orders: 'warn' });
  });

  it('shows what waits and what is dead', () => {
    expect(nodes[1]).toMatchObject({ id: 'insights', waiting: 9, dead: 3 });
  });
});
