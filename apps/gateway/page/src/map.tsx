import { BOX, EDGES, type Edge, HEIGHT, idOf, lineBetween, OUTSIDE, PLACES, WIDTH } from './places';
import type { Way } from './way';

/** What is known of an edge, or a service, by the order's history. */
type Light = 'dark' | 'went' | 'waits' | 'follows';

/** The map of the services, lit by what the history of an order says. */
export function ShopMap({ way, latest }: { readonly way: Way; readonly latest: number }) {
  const fresh = new Set(
    way.went.filter(({ entry }) => entry === latest).map(({ hop }) => idOf(hop)),
  );
  const went = new Set(way.went.map(({ hop }) => idOf(hop)));
  const follows = new Set(way.follow.map(idOf));
  const waits = way.next && idOf(way.next);
  const lightOf = (id: string): Light => {
    if (id === waits) return 'waits';
    if (went.has(id)) return 'went';
    return follows.has(id) ? 'follows' : 'dark';
  };
  return (
    <svg className="map" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={wordsOf(way)}>
      <Outside />
      {EDGES.map((edge) => (
        // A new key begins its animation anew.
        <Arrow
          key={fresh.has(edge.id) ? `${edge.id}-${latest}` : edge.id}
          edge={edge}
          light={lightOf(edge.id)}
          isFresh={fresh.has(edge.id)}
        />
      ))}
      {Object.keys(PLACES).map((name) => (
        <Service key={name} name={name} light={lightOfService(name, way)} />
      ))}
    </svg>
  );
}

function Arrow({
  edge: { id, kind, from, to },
  light,
  isFresh,
}: {
  readonly edge: Edge;
  readonly light: Light;
  readonly isFresh: boolean;
}) {
  const { line, head } = lineBetween(PLACES[from]!, PLACES[to]!);
  return (
    <g
      className={`edge ${kind} ${light}${isFresh ? ' fresh' : ''}`}
      data-edge={id}
      data-light={light}
    >
      <path className="line" d={line} />
      <path className="head" d={head} />
    </g>
  );
}

function Service({ name, light }: { readonly name: string; readonly light: Light }) {
  const { x, y } = PLACES[name]!;
  const isOutside = name === OUTSIDE.to;
  return (
    <g
      className={`service ${light}${isOutside ? ' outside' : ''}`}
      data-service={name}
      data-light={light}
    >
      <rect
        x={x - BOX.width / 2}
        y={y - BOX.height / 2}
        width={BOX.width}
        height={BOX.height}
        rx={isOutside ? 18 : 5}
      />
      <text x={x} y={y}>
        {isOutside ? 'provider' : name}
      </text>
    </g>
  );
}

/** Plain HTTP to another company. */
function Outside() {
  const [{ x: x1, y: y1 }, { x: x2, y: y2 }] = [PLACES[OUTSIDE.from]!, PLACES[OUTSIDE.to]!];
  return <path className="company" d={`M${x1},${y1} L${x2},${y2}`} />;
}

function lightOfService(name: string, { went, next, follow }: Way): Light {
  if (next?.to === name) return 'waits';
  if (went.some(({ hop: { from, to } }) => from === name || to === name)) return 'went';
  return follow.some(({ to }) => to === name) ? 'follows' : 'dark';
}

function wordsOf({ went, next, follow }: Way): string {
  if (went.length === 0) return 'Map of the services. No order is followed.';
  const names = [...new Set(went.flatMap(({ hop: { from, to } }) => [from, to]))];
  const others = [...new Set(follow.map(({ to }) => to))].filter((name) => !names.includes(name));
  return [
    `Map of the services. Worked so far: ${names.join(', ')}.`,
    ...(others.length > 0 ? [`Told as well: ${others.join(', ')}.`] : []),
    ...(next ? [`The order waits for ${next.to}.`] : []),
  ].join(' ');
}
