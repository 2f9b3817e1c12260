import '@xyflow/react/dist/style.css';
import { NativeSelect, useComputedColorScheme } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import {
  BaseEdge,
  Controls,
  type Edge,
  type EdgeProps,
  Handle,
  MarkerType,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
} from '@xyflow/react';
import * as queries from '../api/queries';
import type { Catalogue } from '../api/types';
import { KINDS } from '../contracts/catalogue';
import { count, counted } from '../shared/format';
import { Answer, Figure, Heading, Notice, Panel, Tag, Unanswered } from '../shared/parts';
import { type Column, Table } from '../shared/table';
import { graphOf, type MapEdge, type MapNode } from './graph';
import { layout, type Point } from './layout';
import { pathOf } from './way';

const route = getRouteApi('/map');

/** The map: services, their messages by kind, and the backlog. */
export function MapScreen() {
  const catalogue = useQuery(queries.catalogue());
  return (
    <>
      <Heading title="Map">
        {KINDS.map((kind) => (
          <Tag key={kind} tone={kind}>
            {kind}
          </Tag>
        ))}
      </Heading>
      <Answer of={catalogue}>{(known) => <Graph catalogue={known} />}</Answer>
    </>
  );
}

function Graph({ catalogue }: { readonly catalogue: Catalogue }) {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const instances = useQuery(queries.instances());
  const backlog = useQuery(queries.backlog());
  const dead = useQuery(queries.deadCounts());
  // Zeros would say that nothing waits.
  const missing = [instances, backlog, dead].find(({ data }) => data === undefined);
  if (missing) return <Answer<unknown> of={missing}>{() => null}</Answer>;
  const { nodes, edges } = graphOf({
    catalogue,
    instances: instances.data ?? [],
    backlog: backlog.data ?? [],
    deadLetters: dead.data ?? [],
  });
  const shown = edges.filter(({ kind }) => search.kind === undefined || kind === search.kind);
  const chosen = nodes.find(({ id }) => id === search.at);
  return (
    <>
      <Unanswered services={catalogue.unanswered} />
      <div className="filters">
        <NativeSelect
          size="xs"
          label="Kind"
          data={[{ value: '', label: 'all' }, ...KINDS]}
          value={search.kind ?? ''}
          onChange={({ currentTarget: { value } }) =>
            void navigate({ search: (old) => ({ ...old, kind: value || undefined }) })
          }
        />
        <NativeSelect
          size="xs"
          label="Service"
          data={[{ value: '', label: 'none' }, ...nodes.map(({ id }) => id)]}
          value={search.at ?? ''}
          onChange={({ currentTarget: { value } }) =>
            void navigate({ search: (old) => ({ ...old, at: value || undefined }) })
          }
        />
      </div>
      {nodes.length === 0 ? (
        <Notice>There are no services to show.</Notice>
      ) : (
        <Drawing
          nodes={nodes}
          edges={edges}
          shown={shown}
          chosen={search.at}
          choose={(at) => void navigate({ search: (old) => ({ ...old, at }) })}
        />
      )}
      <Edges
        title={chosen ? `${chosen.id} sends and receives` : 'Who sends what to whom'}
        edges={shown.filter(
          ({ from, to }) => search.at === undefined || from === search.at || to === search.at,
        )}
      />
      {chosen && (
        <p className="row">
          <Link to="/dead-letters" search={{ service: chosen.id }}>
            Dead letters of {chosen.id} ({count(chosen.dead)})
          </Link>
          <Link to="/">Its instances and subscriptions</Link>
          <Link to="/contracts" search={{ owner: chosen.id }}>
            Its contracts
          </Link>
        </p>
      )}
    </>
  );
}

interface Drawn {
  readonly nodes: readonly MapNode[];
  readonly edges: readonly MapEdge[];
  readonly shown: readonly MapEdge[];
  readonly chosen?: string;
  readonly choose: (service: string) => void;
}

function Drawing({ nodes, edges, shown, chosen, choose }: Drawn) {
  const scheme = useComputedColorScheme('light');
  // Figures change all the time, places only with the services and what they say.
  const shape = JSON.stringify([nodes.map(({ id }) => id), edges.map(({ id }) => id)]);
  const placed = useQuery({
    queryKey: ['layout', shape],
    queryFn: () => layout(nodes, edges),
    staleTime: Infinity,
  });
  if (!placed.data) return <Answer of={placed}>{() => null}</Answer>;
  const { places, ways } = placed.data;
  return (
    <div className="map">
      <ReactFlow
        key={shape}
        nodes={nodes.map((node) => flowNode(node, places, chosen))}
        edges={shown.map((edge) => flowEdge(edge, ways, chosen))}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        colorMode={scheme}
        fitView
        fitViewOptions={{ padding: 0.04 }}
        minZoom={0.2}
        nodesConnectable={false}
        nodesDraggable={false}
        edgesFocusable={false}
        zoomOnScroll={false}
        preventScrolling={false}
        proOptions={{ hideAttribution: true }}
        aria-label="Map of the services"
        onNodeClick={(_, { id }) => choose(id)}
        onEdgeClick={(_, { source }) => choose(source)}
      >
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}

type ServiceNode = Node<{ readonly of: MapNode; readonly isChosen: boolean }, 'service'>;
type RoutedEdge = Edge<{ readonly way: readonly Point[] }, 'routed'>;

const flowNode = (
  of: MapNode,
  places: ReadonlyMap<string, Point>,
  chosen: string | undefined,
): ServiceNode => ({
  id: of.id,
  type: 'service',
  position: places.get(of.id) ?? { x: 0, y: 0 },
  data: { of, isChosen: of.id === chosen },
  ariaLabel: `${of.id}: ${counted(of.instances, 'instance')}, ${of.waiting} waiting, ${counted(of.dead, 'dead letter')}`,
});

function flowEdge(
  { id, from, to, kind }: MapEdge,
  ways: ReadonlyMap<string, readonly Point[]>,
  chosen: string | undefined,
): RoutedEdge {
  const isNear = chosen === undefined || from === chosen || to === chosen;
  const color = `var(--${kind})`;
  return {
    id,
    type: 'routed',
    source: from,
    target: to,
    data: { way: ways.get(id) ?? [] },
    style: { stroke: color, strokeWidth: isNear && chosen ? 2 : 1.5, opacity: isNear ? 1 : 0.15 },
    markerEnd: { type: MarkerType.ArrowClosed, color },
    zIndex: isNear && chosen !== undefined ? 1 : 0,
  };
}

function Service({ data: { of, isChosen } }: NodeProps<ServiceNode>) {
  const { id, state, instances, waiting, dead } = of;
  return (
    <div className={`node ${state}${isChosen ? ' chosen' : ''}`}>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <strong>{id}</strong> <span className="dim">×{instances}</span>
      <div>
        <Figure of={waiting} /> waiting · <Figure of={dead} tone="bad" /> dead
      </div>
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
}

/** Along the way that was laid around the other services. */
const Routed = ({ data, style, markerEnd }: EdgeProps<RoutedEdge>) => (
  <BaseEdge path={pathOf(data?.way ?? [])} style={style} markerEnd={markerEnd} />
);

const NODE_TYPES = { service: Service };
const EDGE_TYPES = { routed: Routed };

const COLUMNS: readonly Column<MapEdge>[] = [
  { header: 'From', cell: ({ from }) => from, kind: 'tight' },
  { header: 'Kind', cell: ({ kind }) => <Tag tone={kind}>{kind}</Tag>, kind: 'tight' },
  { header: 'To', cell: ({ to }) => to, kind: 'tight' },
  {
    header: 'Contracts',
    cell: ({ contracts }) => (
      <span className="row">
        {contracts.map(({ name }) => (
          <Link key={name} to="/contracts/$name" params={{ name }}>
            {name}
          </Link>
        ))}
      </span>
    ),
  },
];

/** The same in words: for those who cannot see the map, and for those who search in it. */
const Edges = ({
  title,
  edges,
}: {
  readonly title: string;
  readonly edges: readonly MapEdge[];
}) => (
  <Panel title={title}>
    {edges.length === 0 ? (
      <p className="dim">Nothing of this kind.</p>
    ) : (
      <Table caption={title} columns={COLUMNS} rows={edges} keyOf={({ id }) => id} />
    )}
  </Panel>
);
