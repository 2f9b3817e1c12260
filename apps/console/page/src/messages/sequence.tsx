import type { Sequence as Drawn } from './conversation';
import { toneOf } from './outcomes';

const LANE = 170;
const ROW = 34;
const TOP = 36;
const MOST = 200;
const LETTERS = 26;

const shortened = (name: string): string => {
  const short = name.slice(name.indexOf('.') + 1);
  return short.length > LETTERS ? `${short.slice(0, LETTERS - 1)}…` : short;
};

/** A sequence diagram of a conversation; the tree of causes has the same in words. */
export function Sequence({ of: { services, arrows } }: { readonly of: Drawn }) {
  const drawn = arrows.slice(0, MOST);
  const [width, height] = [services.length * LANE, TOP + (drawn.length + 1) * ROW];
  const laneOf = (service: string) => services.indexOf(service) * LANE + LANE / 2;
  return (
    <div className="wide" tabIndex={0} role="region" aria-label="Sequence, drawn">
      <svg
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={`${drawn.length} messages between ${services.join(', ')}`}
        className="sequence"
      >
        {services.map((service) => (
          <g key={service}>
            <line
              className="lane"
              x1={laneOf(service)}
              x2={laneOf(service)}
              y1={TOP - 8}
              y2={height}
            />
            <text className="who" x={laneOf(service)} y={18} textAnchor="middle">
              {service}
            </text>
          </g>
        ))}
        {drawn.map(({ message: { id, contract, kind }, from, to, handling }, row) => {
          const [x1, x2, y] = [laneOf(from), laneOf(to), TOP + (row + 1) * ROW];
          const isOwn = x1 === x2;
          const direction = x2 > x1 ? 1 : -1;
          const tone = toneOf(handling.outcome);
          return (
            <g key={`${id} ${handling.subscription}`} className={`arrow ${kind} ${tone}`}>
              {isOwn ? (
                <path d={`M ${x1} ${y - 8} h 26 v 12 h -20`} />
              ) : (
                <path d={`M ${x1} ${y} H ${x2 - direction * 3}`} />
              )}
              <path
                className="head"
                d={
                  isOwn
                    ? `M ${x1 + 2} ${y + 4} l 7 -4 v 8 z`
                    : `M ${x2} ${y} l ${-8 * direction} -4 v 8 z`
                }
              />
              <text
                x={isOwn ? x1 + 32 : (x1 + x2) / 2}
                y={isOwn ? y + 2 : y - 5}
                textAnchor={isOwn ? 'start' : 'middle'}
              >
                {shortened(contract)}
                {tone !== 'good' && ` · ${handling.outcome}`}
              </text>
            </g>
          );
        })}
      </svg>
      {arrows.length > MOST && <p className="dim">The first {MOST} are drawn.</p>}
    </div>
  );
}
