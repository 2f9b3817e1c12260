import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import * as queries from '../api/queries';
import type { Saga } from '../api/types';
import { moment, span } from '../shared/format';
import { Ago, Answer, Heading, Notice, Panel, Tag, useNow } from '../shared/parts';
import { DeadOf } from './dead-of';
import { type Moment, timelineOf } from './sagas';

const route = getRouteApi('/sagas/$service/$name/$key');

/** One saga: its history, its state and its timeouts. */
export function SagaScreen() {
  const { service, name, key } = route.useParams();
  const asked = useQuery(queries.saga(service, name, key));
  return (
    <>
      <Heading title={`${name} ${key}`}>
        <Link to="/sagas" search={{ saga: name }}>
          All of {name}
        </Link>
      </Heading>
      <Answer of={asked}>{(saga) => <Whole service={service} saga={saga} />}</Answer>
    </>
  );
}

function Whole({ service, saga }: { readonly service: string; readonly saga: Saga }) {
  const { stage, done, startedAt, changedAt, version, correlationId, dead = [], state } = saga;
  return (
    <>
      {dead.length > 0 && (
        <Notice tone="bad">
          Dead letters of its conversation: <DeadOf dead={dead} />
        </Notice>
      )}
      <div className="pair">
        <Panel title="History and timeouts">
          <Timeline saga={saga} />
        </Panel>
        <div className="stack">
          <Panel title="Where it stands">
            <dl className="facts">
              <dt>Service</dt>
              <dd>{service}</dd>
              <dt>Stage</dt>
              <dd>
                {stage} <Tag tone="plain">{done ? 'finished' : 'running'}</Tag>
              </dd>
              <dt>Started</dt>
              <dd>
                {moment(startedAt)} (<Ago at={startedAt} />)
              </dd>
              <dt>Changed</dt>
              <dd>
                {moment(changedAt)} (<Ago at={changedAt} />)
              </dd>
              <dt>Version</dt>
              <dd>{version}</dd>
              <dt>Conversation</dt>
              <dd className="mono">
                <Link to="/conversations/$correlation" params={{ correlation: correlationId }}>
                  {correlationId}
                </Link>
              </dd>
            </dl>
          </Panel>
          <Panel title="State">
            <pre tabIndex={0} aria-label="State">
              {JSON.stringify(state, null, 2)}
            </pre>
          </Panel>
        </div>
      </div>
    </>
  );
}

const TONES = { past: '', 'to come': '', overdue: 'warn', failing: 'bad' } as const;

function Timeline({ saga }: { readonly saga: Saga }) {
  const moments = timelineOf(saga, useNow());
  if (moments.length === 0) return <p className="dim">Nothing is known of its way.</p>;
  return (
    <ol className="timeline">
      {moments.map((one) => (
        <li key={one.id} className={TONES[one.state]}>
          <Step of={one} />
        </li>
      ))}
    </ol>
  );
}

function Step({ of: { at, what, stages, sent, after, state, problem } }: { readonly of: Moment }) {
  return (
    <>
      <div className="row">
        <strong>{what}</strong>
        {stages !== undefined && <span>{stages}</span>}
        {state !== 'past' && (
          <Tag tone={state === 'failing' ? 'bad' : state === 'overdue' ? 'warn' : 'plain'}>
            {state}
          </Tag>
        )}
      </div>
      <div className="dim">
        {moment(at)}
        {after !== undefined &&
          `, ${after < 1 ? `${Math.round(after * 1_000)} ms` : span(after)} later`}
        {state !== 'past' && (
          <>
            {' '}
            (<Ago at={at} />)
          </>
        )}
      </div>
      {sent.length > 0 && <div>sent {sent.join(', ')}</div>}
      {problem !== undefined && <div className="bad-text">{problem}</div>}
    </>
  );
}
