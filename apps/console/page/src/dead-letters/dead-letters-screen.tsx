import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import * as queries from '../api/queries';
import type { DeadLetter, DeadLetterGroup } from '../api/types';
import { FilterBar } from '../shared/filter-bar';
import { count, counted } from '../shared/format';
import {
  Ago,
  Answer,
  Change,
  Figure,
  Heading,
  Notice,
  Panel,
  Refusal,
  Tag,
  Unanswered,
} from '../shared/parts';
import { type Column, Table } from '../shared/table';
import { timeIn } from '../shared/url-state';
import { AuditTable } from './audit-table';
import type { Action } from './bulk';
import { BulkDialog } from './bulk-dialog';
import { CanaryDialog, Runs } from './canary';
import { filterOf, groupsIn, lettersIn, type LetterSearch, unansweredIn } from './letters';

const route = getRouteApi('/dead-letters');
const VIEWS = { groups: 'By cause', letters: 'Letters', audit: 'Audit' } as const;
type View = keyof typeof VIEWS;

const FIELDS = [
  { name: 'service', label: 'Service' },
  { name: 'contract', label: 'Contract' },
  { name: 'subscription', label: 'Subscription' },
  { name: 'error', label: 'Error class' },
  { name: 'from', label: 'Died since', placeholder: '2h, 2026-11-23T09:00' },
  { name: 'to', label: 'Died until', placeholder: '30m' },
];

/** Dead letters by cause, one by one, and the audit. */
export function DeadLettersScreen() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const view: View = search.view === 'letters' || search.view === 'audit' ? search.view : 'groups';
  const wrong = (['from', 'to'] as const).filter(
    (name) => search[name] !== undefined && timeIn(search[name], 0) === undefined,
  );
  return (
    <>
      <Heading title="Dead letters">
        <nav aria-label="Views" className="row views">
          {Object.entries(VIEWS).map(([name, label]) => (
            <Link
              key={name}
              to="/dead-letters"
              search={(old) => ({ ...old, view: name })}
              aria-current={view === name ? 'page' : undefined}
            >
              {label}
            </Link>
          ))}
        </nav>
      </Heading>
      {view !== 'audit' && (
        <FilterBar
          fields={FIELDS}
          values={search}
          apply={(values) => void navigate({ search: (old) => ({ ...old, ...values }) })}
        />
      )}
      {search.group !== undefined && view !== 'audit' && (
        <p>
          Of the cause <span className="mono">{search.group}</span> alone.{' '}
          <Link to="/dead-letters" search={(old) => ({ ...old, group: undefined })}>
            All causes
          </Link>
        </p>
      )}
      {wrong.length > 0 ? (
        <Notice tone="bad">
          A time is written 2026-11-23T09:00, or as so long ago: 2h, 30m, 3d.
        </Notice>
      ) : (
        <>
          {view === 'groups' && <Groups search={search} />}
          {view === 'letters' && <Letters search={search} />}
          {view === 'audit' && <Audit />}
        </>
      )}
    </>
  );
}

function Groups({ search }: { readonly search: LetterSearch }) {
  const filter = filterOf(search);
  const asked = useQuery(queries.groups(filter));
  const [chosen, choose] = useState<{ readonly action: Action; readonly group: GroupRow }>();
  const [canary, setCanary] = useState<GroupRow>();
  const columns: readonly Column<GroupRow>[] = [
    { header: 'Letters', cell: (row) => <strong>{count(row.count)}</strong>, kind: 'number' },
    {
      header: 'Relapsed',
      cell: ({ relapsed = 0 }) => <Figure of={relapsed} tone="warn" />,
      kind: 'number',
    },
    {
      header: 'Cause',
      cell: ({ service, group, error, cause }) => (
        <Link to="/dead-letters" search={{ ...search, view: 'letters', service, group }}>
          {error}: {cause}
        </Link>
      ),
    },
    { header: 'Contract', cell: ({ contract }) => contract },
    { header: 'Subscription', cell: ({ subscriptions }) => subscriptions.join(', ') },
    { header: 'First', cell: ({ first }) => <Ago at={first} />, kind: 'number' },
    { header: 'Last', cell: ({ last }) => <Ago at={last} />, kind: 'number' },
    {
      header: 'Decide',
      kind: 'last',
      cell: (group) => (
        <span className="row">
          <Change
            size="compact-xs"
            onClick={() => setCanary(group)}
            aria-label={`Replay in steps the ${counted(group.count, 'letter')} of ${group.cause}`}
          >
            In steps …
          </Change>
          <Change
            size="compact-xs"
            variant="default"
            onClick={() => choose({ action: 'replay', group })}
            aria-label={`Replay the ${counted(group.count, 'letter')} of ${group.cause}`}
          >
            Replay …
          </Change>
          <Change
            size="compact-xs"
            variant="default"
            onClick={() => choose({ action: 'discard', group })}
            aria-label={`Discard the ${counted(group.count, 'letter')} of ${group.cause}`}
          >
            Discard …
          </Change>
        </span>
      ),
    },
  ];
  return (
    <Answer of={asked}>
      {(answers) => {
        const rows = groupsIn(answers);
        const all = rows.reduce((sum, row) => sum + row.count, 0);
        return (
          <>
            <Unanswered services={unansweredIn(answers)} />
            <Runs />
            {canary && <CanaryDialog group={canary} close={() => setCanary(undefined)} />}
            {rows.length === 0 ? (
              <Empty filter={filter} />
            ) : (
              <Panel title={`${counted(all, 'letter')}, ${counted(rows.length, 'cause')}`}>
                <Refusal />
                <Table
                  caption="Causes"
                  columns={columns}
                  rows={rows}
                  keyOf={({ service, group }) => `${service} ${group}`}
                />
              </Panel>
            )}
            {chosen && (
              <BulkDialog
                action={chosen.action}
                what={`${chosen.group.error}: ${chosen.group.cause}`}
                filter={{ ...filter, service: undefined, group: chosen.group.group }}
                holders={[{ service: chosen.group.service, count: chosen.group.count }]}
                close={() => choose(undefined)}
              />
            )}
          </>
        );
      }}
    </Answer>
  );
}

type GroupRow = DeadLetterGroup & { readonly service: string };
type LetterRow = DeadLetter & { readonly service: string };

const LETTER_COLUMNS: readonly Column<LetterRow>[] = [
  {
    header: 'Letter',
    cell: ({ service, id }) => (
      <Link to="/dead-letters/$service/$id" params={{ service, id }}>
        {service}/{id}
      </Link>
    ),
    kind: 'tight',
  },
  { header: 'Died', cell: ({ died }) => <Ago at={died} />, kind: 'tight' },
  { header: 'Contract', cell: ({ headers }) => headers['type'] },
  { header: 'Subscription', cell: ({ subscription }) => subscription },
  { header: 'Error', cell: ({ failure: { error, message } }) => `${error}: ${message}` },
  { header: 'Tries', cell: ({ failure }) => count(failure.tries), kind: 'number' },
  {
    header: 'Also',
    cell: ({ holds, edits }) => {
      if (!holds && edits === 0) return undefined;
      return (
        <span className="row">
          {holds && <Tag tone="warn">holds its lane</Tag>}
          {edits > 0 && <Tag tone="plain">{counted(edits, 'edit')}</Tag>}
        </span>
      );
    },
  },
];

const MORE = 100;
const MOST = 1_000;

function Letters({ search }: { readonly search: LetterSearch }) {
  const filter = filterOf(search);
  const limit = Math.min(Math.max(1, Number(search.limit) || MORE), MOST);
  const asked = useQuery(queries.deadLetters({ ...filter, newest: 'true', limit }));
  const [action, setAction] = useState<Action>();
  return (
    <Answer of={asked}>
      {(answers) => {
        const rows = lettersIn(answers);
        const holders = answers.flatMap((one) =>
          'error' in one || !one.count ? [] : [{ service: one.service, count: one.count }],
        );
        const all = holders.reduce((sum, one) => sum + one.count, 0);
        return (
          <>
            <Unanswered services={unansweredIn(answers)} />
            {rows.length === 0 ? (
              <Empty filter={filter} />
            ) : (
              <Panel
                title={counted(all, 'letter')}
                end={
                  <>
                    <Change variant="default" onClick={() => setAction('replay')}>
                      Replay all of these …
                    </Change>
                    <Change variant="default" onClick={() => setAction('discard')}>
                      Discard all of these …
                    </Change>
                  </>
                }
              >
                <Refusal />
                <Table
                  caption="Dead letters"
                  columns={LETTER_COLUMNS}
                  rows={rows}
                  keyOf={({ service, id }) => `${service}/${id}`}
                />
                {rows.length < all && (
                  <p>
                    The newest {count(rows.length)} are shown.{' '}
                    {limit < MOST && (
                      <Link
                        to="/dead-letters"
                        search={{ ...search, view: 'letters', limit: String(limit + MORE) }}
                      >
                        Show more
                      </Link>
                    )}
                  </p>
                )}
              </Panel>
            )}
            {action && (
              <BulkDialog
                action={action}
                what={`${counted(all, 'letter')} that fit the filters`}
                filter={{ ...filter, service: undefined }}
                holders={holders}
                close={() => setAction(undefined)}
              />
            )}
          </>
        );
      }}
    </Answer>
  );
}

function Audit() {
  const asked = useQuery(queries.audit({ limit: 200 }));
  return (
    <Panel title="What operators did">
      <Answer of={asked}>
        {(answers) => (
          <>
            <Unanswered services={unansweredIn(answers)} />
            <AuditTable answers={answers} />
          </>
        )}
      </Answer>
    </Panel>
  );
}

const Empty = ({ filter }: { readonly filter: Readonly<Record<string, unknown>> }) => (
  <Notice tone="good">
    {Object.values(filter).some((value) => value !== undefined)
      ? 'There are no dead letters that fit these filters.'
      : 'There are no dead letters.'}
  </Notice>
);
