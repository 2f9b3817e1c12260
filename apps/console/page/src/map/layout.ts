import Elk, { type ElkExtendedEdge } from 'elkjs/lib/elk.bundled.js';
import type { MapEdge, MapNode } from './graph';

const NODE = { width: 190, height: 58 };

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Places of the services, and routes of the edges around them. */
export interface Layout {
  readonly places: ReadonlyMap<string, Point>;
  readonly ways: ReadonlyMap<string, readonly Point[]>;
}

const elk = new Elk();

/** Layers in the direction of what is said. */
export async function layout(
  nodes: readonly Pick<MapNode, 'id'>[],
  edges: readonly Pick<MapEdge, 'id' | 'from' | 'to'>[],
): Promise<Layout> {
  const found = await elk.layout({
    id: 'map',
    layoutOptions: {
      'elk.algorithm': 'layered',
      'elk.direction': 'RIGHT',
      'elk.edgeRouting': 'ORTHOGONAL',
      'elk.layered.spacing.nodeNodeBetweenLayers': '60',
      'elk.layered.spacing.edgeNodeBetweenLayers': '20',
      'elk.layered.spacing.edgeEdgeBetweenLayers': '12',
      'elk.spacing.nodeNode': '36',
      'elk.spacing.edgeNode': '16',
      'elk.spacing.edgeEdge': '12',
    },
    children: nodes.map(({ id }) => ({ id, ...NODE })),
    edges: edges.map(({ id, from, to }) => ({ id, sources: [from], targets: [to] })),
  });
  return {
    places: new Map(found.children?.map(({ id, x = 0, y = 0 }) => [id, { x, y }])),
    ways: new Map(found.edges?.map((edge) => [edge.id, wayOf(edge)])),
  };
}

const wayOf = ({ sections = [] }: ElkExtendedEdge): readonly Point[] =>
  sections.flatMap(({ startPoint, bendPoints = [], endPoint }) => [
    startPoint,
    ...bendPoints,
    endPoint,
  ]);
