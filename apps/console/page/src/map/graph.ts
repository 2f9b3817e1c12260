import type { Backlog, Catalogue, CatalogueEntry, DeadLetters, Instance, Kind } from '../api/types';

export interface MapNode {
  readonly id: string;
  readonly state: 'good' | 'warn' | 'bad';
  readonly instances: number;
  readonly waiting: number;
  readonly dead: number;
}

/** All contracts of a kind from one service to another. */
export interface MapEdge {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly kind: Kind;
  readonly contracts: readonly CatalogueEntry[];
}

/** Services, and what they say to each other. */
export function graphOf(found: {
  readonly catalogue: Catalogue;
  readonly instances: readonly Instance[];
  readonly backlog: readonly Backlog[];
  readonly deadLetters: readonly DeadLetters[];
}): { readonly nodes: readonly MapNode[]; readonly edges: readonly MapEdge[] } {
  const { instances, backlog, deadLetters } = found;
  const edges = edgesOf(found.catalogue.contracts);
  const names = new Set([
    ...instances.map(({ service }) => service),
    ...edges.flatMap(({ from, to }) => [from, to]),
  ]);
  const nodes = [...names].sort().map((id): MapNode => {
    const own = instances.filter(({ service }) => service === id);
    const waits = backlog.flatMap((one) =>
      one.service === id && !('error' in one) ? one.items : [],
    );
    const dead = deadLetters.reduce(
      (sum, one) => sum + (one.service === id && !('error' in one) ? one.count : 0),
      0,
    );
    return {
      ...{ id, instances: own.length, dead },
      state: stateOf(own, dead),
      waiting: waits.reduce((sum, one) => sum + one.waiting + one.parked + one.delayed, 0),
    };
  });
  return { nodes, edges };
}

function stateOf(own: readonly Instance[], dead: number): MapNode['state'] {
  const ready = own.filter(({ state }) => state === 'ready').length;
  const works = own.filter(({ state }) => state === 'ready' || state === 'degraded').length;
  if (works === 0) return 'bad';
  return ready === own.length && dead === 0 ? 'good' : 'warn';
}

function edgesOf(contracts: readonly CatalogueEntry[]): readonly MapEdge[] {
  const edges = new Map<string, { from: string; to: string; kind: Kind; of: CatalogueEntry[] }>();
  for (const contract of contracts)
    for (const from of contract.senders)
      for (const to of new Set(contract.handlers.map(({ service }) => service))) {
        const { kind } = contract;
        const id = `${from} ${kind} ${to}`;
        const edge = edges.get(id) ?? { from, to, kind, of: [] };
        edge.of.push(contract);
        edges.set(id, edge);
      }
  return [...edges].map(([id, { of, ...edge }]) => ({ id, ...edge, contracts: of }));
}
