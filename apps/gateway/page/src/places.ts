import { type Hop, type Kind, STAGES } from './way';

interface Point {
  readonly x: number;
  readonly y: number;
}

export const WIDTH = 360;
export const HEIGHT = 312;
export const BOX = { width: 96, height: 36 };

/** The middles of the services on the map: around orders, who talks to nearly all of them. */
export const PLACES: Readonly<Record<string, Point>> = {
  catalog: { x: 58, y: 26 },
  gateway: { x: 180, y: 26 },
  insights: { x: 302, y: 26 },
  inventory: { x: 58, y: 116 },
  orders: { x: 180, y: 116 },
  notifications: { x: 302, y: 116 },
  shipping: { x: 58, y: 206 },
  payments: { x: 180, y: 206 },
  console: { x: 302, y: 206 },
  'payment-provider': { x: 180, y: 286 },
};

/** Processes of others: no contract leads to them. */
export const OUTSIDE = { from: 'payments', to: 'payment-provider' } as const;

/** One direction between two services; all its messages are of one kind. */
export interface Edge {
  readonly id: string;
  readonly kind: Kind;
  readonly from: string;
  readonly to: string;
}

export const idOf = ({ from, to }: Pick<Hop, 'from' | 'to'>): string => `${from}-${to}`;

/** Every edge that an order can take, of the table of stages. What a service tells itself is no line. */
export const EDGES: readonly Edge[] = [
  ...new Map(
    STAGES.flatMap(({ went, next, follow }) => [...went, ...(next ? [next] : []), ...follow])
      .filter(({ from, to }) => from !== to)
      .map(({ kind, from, to }): [string, Edge] => [
        idOf({ from, to }),
        { id: idOf({ from, to }), kind, from, to },
      ]),
  ).values(),
];

/** Half the space between the two directions. */
const ASIDE = 5;
const GAP = 3;
const HEAD = { length: 8, width: 7 };

/** A line between the boxes of two services, and the head of its arrow: the `d` of two paths. */
export function lineBetween(from: Point, to: Point): Readonly<Record<'line' | 'head', string>> {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const along = { x: (to.x - from.x) / length, y: (to.y - from.y) / length };
  const aside = { x: -along.y * ASIDE, y: along.x * ASIDE };
  const [start, left] = [
    reach(aside, along) + GAP,
    length - reach(aside, { x: -along.x, y: -along.y }) - GAP,
  ];
  /** A point of the line, or beside it. */
  const at = (far: number, beside = 0): string =>
    `${round(from.x + aside.x + along.x * far - along.y * beside)},${round(from.y + aside.y + along.y * far + along.x * beside)}`;
  const neck = left - HEAD.length;
  return {
    line: `M${at(start)} L${at(neck)}`,
    head: `M${at(left)} L${at(neck, HEAD.width / 2)} L${at(neck, -HEAD.width / 2)} Z`,
  };
}

/** The way from a point in a box to its border; the point as seen from the middle of the box. */
function reach(point: Point, direction: Point): number {
  const to = (axis: 'x' | 'y', half: number) =>
    direction[axis] === 0
      ? Infinity
      : (Math.sign(direction[axis]) * half - point[axis]) / direction[axis];
  return Math.min(to('x', BOX.width / 2), to('y', BOX.height / 2));
}

const round = (number: number): number => Math.round(number * 10) / 10;
