import { NativeSelect } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import * as queries from '../api/queries';
import { FilterBar } from '../shared/filter-bar';
import { counted } from '../shared/format';
import { Ago, Answer, Heading, Notice, Panel, Tag, Unanswered } from '../shared/parts';
import { type Column, Table } from '../shared/table';
import { type SagaRow, sagasIn } from './sagas';
import { DeadOf } from './dead-of';

const route = getRouteApi('/sagas');

const FIELDS = [
  { name: 'saga', label: 'Saga' },
  { name: 'stage', label: 'Stage' },
  { name: 'olderThan', label: 'Older than', placeholder: '15m, 2h' },
];
const STATES = [
  { value: '', label: 'all' },
  { value: 'running', label: 'running' },
  { value: 'stuck', label: 'stuck: with a dead letter' },
  { value: 'failing', label: 'failing: a timeout’s step fails' },
  { value: 'finished', label: 'finished' },
];
const LIMIT = 100;

const COLUMNS: readonly Column<SagaRow>[] = [
  {
    header: 'Saga',
    cell: ({ service, name, key }) => (
      <Link to="/sagas/$service/$name/$key" params={{ service, name, key }}>
        {name} {key}
      </Link>
    ),
  },
  { header: 'Service', cell: ({ service }) => service, kind: 'tight' },
  { header: 'Stage', cell: ({ stage }) => stage },
  {
    header: 'State',
    cell: ({ done }) => <Tag tone="plain">{done ? 'finished' : 'running'}</Tag>,
    kind: 'tight',
  },
  { header: 'Started', cell: ({ startedAt }) => <Ago at={startedAt} />, kind: 'number' },
  { header: 'Changed', cell: ({ changedAt }) => <Ago at={changedAt} />, kind: 'number' },
  {
    header: 'Dead letters',
    cell: ({ dead = [] }) => (dead.length === 0 ? undefined : <DeadOf dead={dead} />),
  },
];

/** All sagas by state and stage, stuck ones marked. */
export function SagasScreen() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { state = '', saga, stage, olderThan } = search;
  const asked = useQuery(
    queries.sagas({
      ...(state === 'stuck' ? { stuck: 'true' } : { state }),
      ...{ saga, stage, olderThan, limit: LIMIT },
    }),
  );
  return (
    <>
      <Heading title="Sagas" />
      <FilterBar
        fields={FIELDS}
        values={search}
        apply={(values) => void navigate({ search: (old) => ({ ...old, ...values }) })}
      >
        <NativeSelect
          size="xs"
          label="State"
          data={STATES}
          value={state}
          onChange={({ currentTarget: { value } }) =>
            void navigate({ search: (old) => ({ ...old, state: value || undefined }) })
          }
        />
      </FilterBar>
      <Answer of={asked}>
        {(answers) => {
          const { rows, unanswered, incomplete, problem } = sagasIn(answers);
          if (problem !== undefined) return <Notice tone="bad">{problem}</Notice>;
          return (
            <>
              <Unanswered services={unanswered} />
              {incomplete.map(({ service, why }) => (
                <Notice key={service} tone="warn">
                  {service}: {why}; a stuck saga may be missing.
                </Notice>
              ))}
              {rows.length === 0 ? (
                <Notice tone="good">There are no sagas that fit.</Notice>
              ) : (
                <Panel title={counted(rows.length, 'saga')}>
                  <Table
                    caption="Sagas"
                    columns={COLUMNS}
                    rows={rows}
                    keyOf={({ service, name, key }) => `${service} ${name} ${key}`}
                  />
                  {rows.length >= LIMIT && (
                    <p className="dim">The latest {LIMIT} of each service are shown.</p>
                  )}
                </Panel>
              )}
            </>
          );
        }}
      </Answer>
    </>
  );
}
