import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { ApiError } from '../api/client';
import * as queries from '../api/queries';
import type { Handling, KeptMessage } from '../api/types';
import { count, milliseconds, moment, pretty } from '../shared/format';
import { Ago, Answer, Heading, Notice, Panel, Tag } from '../shared/parts';
import { type Column, Table } from '../shared/table';
import { toneOf } from './outcomes';

const route = getRouteApi('/messages/$id');

const COLUMNS: readonly Column<Handling>[] = [
  { header: 'Ended', cell: ({ at }) => moment(at), kind: 'tight' },
  { header: 'Subscription', cell: ({ subscription }) => subscription },
  {
    header: 'Outcome',
    cell: ({ outcome }) => <Tag tone={toneOf(outcome)}>{outcome}</Tag>,
    kind: 'tight',
  },
  { header: 'Delivery', cell: ({ attempt }) => count(attempt), kind: 'number' },
  { header: 'Tries', cell: ({ tries }) => count(tries), kind: 'number' },
  { header: 'Waited', cell: ({ waited }) => milliseconds(Math.round(waited)), kind: 'number' },
  { header: 'Took', cell: ({ took }) => milliseconds(Math.round(took)), kind: 'number' },
  { header: 'By', cell: ({ instance, build }) => [instance, build].filter(Boolean).join(', ') },
  {
    header: 'Failure',
    cell: ({ error, reason }) =>
      error === null ? undefined : (
        <span className="bad-text">
          {error}: {reason?.split('\n', 1)[0]}
        </span>
      ),
  },
];

/** One message, whole. */
export function MessageScreen() {
  const { id } = route.useParams();
  const asked = useQuery(queries.message(id));
  const isGone = asked.error instanceof ApiError && asked.error.status === 404;
  return (
    <>
      <Heading title={asked.data?.contract ?? 'Message'}>
        <span className="mono">{id}</span>
      </Heading>
      {isGone ? (
        <Notice>
          It is not kept: nobody has handled it yet, or it is too old. What waits is in the backlog
          of the <Link to="/">services</Link>.
        </Notice>
      ) : (
        <Answer of={asked}>{(message) => <Whole message={message} />}</Answer>
      )}
    </>
  );
}

function Whole({ message }: { readonly message: KeptMessage }) {
  const { contract, kind, sent, source, instance, build, key, correlation } = message;
  const { causation, trace, bytes, headers, body, handlings } = message;
  return (
    <>
      <Panel title="Handlings">
        <Table
          caption="Handlings"
          columns={COLUMNS}
          rows={handlings}
          keyOf={({ at, subscription, attempt }) => `${at} ${subscription} ${attempt}`}
        />
      </Panel>
      <div className="pair">
        <Panel title="Headers">
          <dl className="facts">
            <dt>Contract</dt>
            <dd>
              <Link to="/contracts/$name" params={{ name: contract }}>
                {contract}
              </Link>{' '}
              <Tag tone={kind}>{kind}</Tag>
            </dd>
            <dt>Said</dt>
            <dd>
              {moment(sent)} (<Ago at={sent} />)
            </dd>
            <dt>By</dt>
            <dd>{[source, instance, build].filter(Boolean).join(', ')}</dd>
            {key !== null && (
              <>
                <dt>Key</dt>
                <dd>
                  <Link to="/messages" search={{ key }}>
                    {key}
                  </Link>
                </dd>
              </>
            )}
            {correlation !== null && (
              <>
                <dt>Conversation</dt>
                <dd className="mono">
                  <Link to="/conversations/$correlation" params={{ correlation }}>
                    {correlation}
                  </Link>
                </dd>
              </>
            )}
            {causation !== null && (
              <>
                <dt>Cause</dt>
                <dd className="mono">
                  <Link to="/messages/$id" params={{ id: causation }}>
                    {causation}
                  </Link>
                </dd>
              </>
            )}
            {trace !== null && (
              <>
                <dt>Trace</dt>
                <dd className="mono">
                  <Link to="/traces/$id" params={{ id: trace }}>
                    {trace}
                  </Link>
                </dd>
              </>
            )}
            {Object.entries(headers ?? {}).map(([name, value]) => [
              <dt key={name}>{name}</dt>,
              <dd key={`${name} value`} className="mono">
                {value}
              </dd>,
            ])}
          </dl>
        </Panel>
        <Panel title="Body">
          {body === null ? (
            <p className="dim">
              {kind === 'call'
                ? 'Bodies of calls are not kept.'
                : 'It was not sent to the console: it is large, or no JSON.'}
            </p>
          ) : (
            <pre tabIndex={0} aria-label="Body">
              {pretty(body)}
            </pre>
          )}
          {bytes !== null && (
            <p className="dim">{count(bytes)} bytes; personal and secret fields are masked.</p>
          )}
        </Panel>
      </div>
    </>
  );
}
