import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import * as queries from '../api/queries';
import type { Instance, State } from '../api/types';
import { count, counted, megabytes, span } from '../shared/format';
import { Answer, Figure, Heading, Notice, Panel, Refusal, Tag, type Tone } from '../shared/parts';
import { type Column, Table } from '../shared/table';
import { ConcurrencyDialog } from './concurrency-dialog';
import { nameOf, type Problem, problemsOf } from './problems';
import { servicesOf, type SubscriptionRow, subscriptionsOf } from './subscriptions';

const TONES: Readonly<Record<State, Tone>> = {
  ready: 'good',
  degraded: 'warn',
  'not ready': 'bad',
  silent: 'bad',
};

/** Is everything well; if not, what needs a person first? */
export function ServicesScreen() {
  const instances = useQuery(queries.instances());
  const backlog = useQuery(queries.backlog());
  const overdue = useQuery(queries.overdue());
  const concurrency = useQuery(queries.concurrency());
  const dead = useQuery(queries.deadCounts());
  return (
    <>
      <Heading title="Services">{instances.data && <Ready instances={instances.data} />}</Heading>
      <Answer of={instances}>
        {(known) => (
          <>
            <Problems
              problems={problemsOf({
                instances: known,
                backlog: backlog.data ?? [],
                overdue: overdue.data ?? [],
                deadLetters: dead.data ?? [],
              })}
              isComplete={backlog.data !== undefined && dead.data !== undefined}
            />
            <Answer of={backlog}>
              {(waiting) => (
                <Subscriptions
                  rows={subscriptionsOf({
                    instances: known,
                    backlog: waiting,
                    overdue: overdue.data ?? [],
                    concurrency: concurrency.data ?? [],
                  })}
                />
              )}
            </Answer>
            <Instances instances={known} />
          </>
        )}
      </Answer>
    </>
  );
}

function Ready({ instances }: { readonly instances: readonly Instance[] }) {
  const ready = instances.filter(({ state }) => state === 'ready').length;
  return (
    <span className={ready === instances.length ? 'dim' : 'bad-text'}>
      {count(ready)} of {counted(instances.length, 'instance')} ready
    </span>
  );
}

function Problems({
  problems,
  isComplete,
}: {
  readonly problems: readonly Problem[];
  readonly isComplete: boolean;
}) {
  if (problems.length === 0)
    return isComplete ? <Notice tone="good">Nothing needs a person.</Notice> : null;
  return (
    <Panel title={`Needs a person (${count(problems.length)})`}>
      <ul className="problems">
        {problems.map(({ id, severity, who, what, leadsTo }) => (
          <li key={id} className={severity}>
            <strong>{who}</strong>
            <span>{what}</span>
            {leadsTo && (
              <Link to="/dead-letters" search={{ service: leadsTo.deadLettersOf }}>
                Show<span className="hidden"> dead letters of {leadsTo.deadLettersOf}</span>
              </Link>
            )}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Subscriptions({ rows }: { readonly rows: readonly SubscriptionRow[] }) {
  const [chosen, choose] = useState<SubscriptionRow>();
  const columns: readonly Column<SubscriptionRow>[] = [
    { header: 'Subscription', cell: ({ subscription }) => subscription },
    { header: 'Kind', cell: ({ kind }) => kind && <Tag tone={kind}>{kind}</Tag>, kind: 'tight' },
    { header: 'Waiting', cell: ({ waiting }) => <Figure of={waiting} />, kind: 'number' },
    { header: 'Parked', cell: ({ parked }) => <Figure of={parked} tone="warn" />, kind: 'number' },
    { header: 'Delayed', cell: ({ delayed }) => <Figure of={delayed} />, kind: 'number' },
    { header: 'Dead', cell: (row) => <Dead row={row} />, kind: 'number' },
    {
      header: 'Overdue',
      cell: ({ overdue }) => <Figure of={overdue} tone="warn" />,
      kind: 'number',
    },
    {
      header: 'State',
      cell: ({ paused }) =>
        paused === undefined ? undefined : (
          <span title={paused}>
            <Tag tone="bad">paused</Tag>
          </span>
        ),
      kind: 'tight',
    },
    {
      header: 'At a time',
      cell: (row) =>
        row.concurrency.length === 0 ? undefined : (
          <Button
            variant="default"
            size="compact-xs"
            onClick={() => choose(row)}
            aria-label={`${row.subscription}: ${row.concurrency.join(' or ')} at a time, change`}
          >
            {row.concurrency.join(' / ')}
          </Button>
        ),
      kind: 'number',
    },
  ];
  return (
    <Panel title="Subscriptions">
      {rows.length === 0 ? (
        <p className="dim">No service that answers has a subscription.</p>
      ) : (
        <Table
          caption="Subscriptions"
          columns={columns}
          rows={rows}
          keyOf={({ service, subscription }) => `${service} ${subscription}`}
        />
      )}
      <p className="dim">
        Parked: between two tries, or behind such a message of the same key. At a time: messages
        that each instance handles at once.
      </p>
      <Refusal />
      {chosen && <ConcurrencyDialog of={chosen} close={() => choose(undefined)} />}
    </Panel>
  );
}

function Dead({ row: { service, subscription, dead } }: { readonly row: SubscriptionRow }) {
  if (dead === 0) return <Figure of={0} />;
  return (
    <Link to="/dead-letters" search={{ service, subscription }} className="bad-text">
      {count(dead)}
      <span className="hidden"> dead letters of {subscription}</span>
    </Link>
  );
}

function Instances({ instances }: { readonly instances: readonly Instance[] }) {
  const services = servicesOf(instances);
  const mixed = services.filter(({ builds }) => builds.length > 1);
  const columns: readonly Column<Instance>[] = [
    { header: 'Instance', cell: (one) => nameOf(one), kind: 'tight' },
    { header: 'State', cell: ({ state }) => <Tag tone={TONES[state]}>{state}</Tag>, kind: 'tight' },
    { header: 'Why', cell: ({ causes }) => causes.join('; ') },
    { header: 'Build', cell: ({ status }) => status?.build, kind: 'tight' },
    {
      header: 'Up',
      cell: ({ status }) => (status?.uptime === undefined ? undefined : span(status.uptime)),
      kind: 'number',
    },
    {
      header: 'Memory',
      cell: ({ status }) => (status?.memory === undefined ? undefined : megabytes(status.memory)),
      kind: 'number',
    },
    {
      header: 'Not sent yet',
      cell: ({ status }) => (status?.outbox ? <Figure of={status.outbox.waiting} /> : undefined),
      kind: 'number',
    },
    { header: 'Address', cell: ({ url }) => <span className="mono">{url}</span> },
  ];
  return (
    <Panel title="Instances">
      {mixed.length > 0 && (
        <p className="warn-text">
          {mixed.map(({ service, builds }) => `${service} runs ${builds.join(' and ')}`).join('; ')}
        </p>
      )}
      {instances.length === 0 ? (
        <Notice tone="warn">The console knows no instance: OPERATIONS_URLS names none.</Notice>
      ) : (
        <Table
          caption="Instances"
          columns={columns}
          rows={services.flatMap((service) => service.instances)}
          keyOf={({ url }) => url}
        />
      )}
    </Panel>
  );
}
