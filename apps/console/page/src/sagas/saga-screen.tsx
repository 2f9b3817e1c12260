import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import * as queries from '../api/queries';
import type { Saga } from '../api/types';
import { moment, span } from '../shared/format';
import { Ago, Answer, Change, Heading, Notice, Panel, Refusal, Tag, useNow } from '../shared/parts';
import { DeadOf } from './dead-of';
import { RepairDialog } from './repair-dialog';
import { type Moment, repairsOf, type RepairChoice, timelineOf } from './sagas';

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
  const [chosen, choose] = useState<RepairChoice>();
  const repairs = repairsOf(saga);
  return (
    <>
      {saga.why !== undefined && (
        <Notice tone={saga.why.startsWith('asks') ? 'bad' : 'plain'}>It {saga.why}.</Notice>
      )}
      {repairs.length > 0 && (
        <div className="row">
          {repairs.map((one) => (
            <Change key={one.verb} variant="default" onClick={() => choose(one)}>
              {one.label}
            </Change>
          ))}
          <Refusal />
        </div>
      )}
      {chosen && (
        <RepairDialog
          service={service}
          saga={saga}
          repair={chosen}
          close={() => choose(undefined)}
        />
      )}
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
          <Ahead saga={saga} />
          <Repairs saga={saga} />
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

/** The stages that are left, if all goes well. */
function Ahead({ saga: { stage, ahead = [] } }: { readonly saga: Saga }) {
  if (ahead.length === 0) return null;
  return (
    <Panel title="The rest of its way">
      <p className="dim">If all goes well, as its definition says.</p>
      <ol className="timeline" aria-label="The rest of its way">
        <li className="warn">
          <strong>{stage}</strong> now, waits for {ahead[0]!.on}
        </li>
        {ahead.map(({ on, to, says, done }) => (
          <li key={`${on} ${to ?? ''}`}>
            <strong>{to ?? 'its end'}</strong> {done && <Tag tone="good">end</Tag>}
            <div className="dim">
              by {on}
              {says.length > 0 && `, sends ${says.join(', ')}`}
            </div>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

function Repairs({ saga: { repairs = [] } }: { readonly saga: Saga }) {
  if (repairs.length === 0) return null;
  return (
    <Panel title="Repairs">
      <ol className="timeline" aria-label="Repairs">
        {repairs.map(({ at, who, action, reason, outcome }) => (
          <li key={`${at} ${action}`}>
            {moment(at)} {who}: {action}
            <div className="dim">
              {reason} — {outcome}
            </div>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

const TONES = { past: '', 'to come': '', overdue: 'warn', failing: 'bad', asks: 'bad' } as const;
const TAGS = {
  past: 'plain',
  'to come': 'plain',
  overdue: 'warn',
  failing: 'bad',
  asks: 'bad',
} as const;

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

function Step({ of }: { readonly of: Moment }) {
  const { at, what, stages, sent, after, state, problem, changes = [], by } = of;
  return (
    <>
      <div className="row">
        <strong>{what}</strong>
        {stages !== undefined && <span>{stages}</span>}
        {state !== 'past' && <Tag tone={TAGS[state]}>{state}</Tag>}
      </div>
      {by !== undefined && <div>by {by}</div>}
      <div className="dim">
        {state === 'asks' ? 'until somebody decides' : moment(at)}
        {after !== undefined &&
          `, ${after < 1 ? `${Math.round(after * 1_000)} ms` : span(after)} later`}
        {state !== 'past' && state !== 'asks' && (
          <>
            {' '}
            (<Ago at={at} />)
          </>
        )}
      </div>
      {sent.length > 0 && <div>sent {sent.join(', ')}</div>}
      {changes.length > 0 && (
        <details>
          <summary>changed {changes.map(({ field }) => field).join(', ')}</summary>
          {changes.map(({ field, from, to }) => (
            <div key={field} className="mono">
              {field}: {from ?? 'nothing'} → {to ?? 'nothing'}
            </div>
          ))}
        </details>
      )}
      {problem !== undefined && <div className="bad-text">{problem}</div>}
    </>
  );
}
