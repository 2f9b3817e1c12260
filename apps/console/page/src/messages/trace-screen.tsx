import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import * as queries from '../api/queries';
import { counted } from '../shared/format';
import { Answer, Heading, Notice, Panel, Tag } from '../shared/parts';
import { type Column, Table } from '../shared/table';
import { type Bar, type Waterfall, waterfallOf } from './waterfall';

const route = getRouteApi('/traces/$id');

/** One trace: what ran when, and what below it. */
export function TraceScreen() {
  const { id } = route.useParams();
  const asked = useQuery(queries.trace(id));
  return (
    <>
      <Heading title="Trace">
        <span className="mono">{id}</span>
      </Heading>
      <Answer of={asked}>
        {(trace) => {
          const waterfall = waterfallOf(trace);
          return waterfall.bars.length === 0 ? (
            <Notice>Nothing of it is kept: it was not exported here, or it is too old.</Notice>
          ) : (
            <>
              {trace.spans.length === 0 && (
                <Notice>
                  Its spans were not exported here; shown are the handlings of its messages.
                </Notice>
              )}
              <Panel
                title={`${counted(waterfall.bars.length, trace.spans.length > 0 ? 'span' : 'handling')}, ${duration(waterfall.took)}`}
              >
                <Bars of={waterfall} />
              </Panel>
            </>
          );
        }}
      </Answer>
    </>
  );
}

function Bars({ of: { bars, took } }: { readonly of: Waterfall }) {
  const columns: readonly Column<Bar>[] = [
    {
      header: 'What',
      cell: ({ name, depth, message, isBad }) => (
        <span style={{ paddingLeft: `${depth * 0.9}rem` }}>
          {message === undefined ? (
            name
          ) : (
            <Link to="/messages/$id" params={{ id: message }}>
              {name}
            </Link>
          )}{' '}
          {isBad && <Tag tone="bad">failed</Tag>}
        </span>
      ),
    },
    { header: 'Service', cell: ({ service }) => service, kind: 'tight' },
    { header: 'Began', cell: ({ start }) => duration(start), kind: 'number' },
    { header: 'Took', cell: ({ took }) => duration(took), kind: 'number' },
    {
      header: 'Drawn',
      cell: ({ start, took: own, isBad }) => (
        <span className="bar-place" aria-hidden>
          <span
            className={isBad ? 'bar-of bad' : 'bar-of'}
            style={{
              marginLeft: `${share(start, took)}%`,
              width: `${Math.max(0.5, share(own, took))}%`,
            }}
          />
        </span>
      ),
    },
    {
      header: 'Linked to',
      cell: ({ links }) =>
        links.length === 0 ? undefined : (
          <span className="row">
            {links.map((id) => (
              <Link key={id} to="/traces/$id" params={{ id }} className="mono">
                {id.slice(0, 8)}
              </Link>
            ))}
          </span>
        ),
    },
  ];
  return <Table caption="Spans" columns={columns} rows={bars} keyOf={({ id }) => id} />;
}

const share = (part: number, whole: number): number => (whole === 0 ? 0 : (100 * part) / whole);
const duration = (ms: number): string =>
  ms >= 1_000 ? `${(ms / 1_000).toFixed(2)} s` : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
