import { NativeSelect } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import * as queries from '../api/queries';
import type { CatalogueEntry } from '../api/types';
import { FilterBar } from '../shared/filter-bar';
import { counted } from '../shared/format';
import { Answer, Heading, Notice, Panel, Tag, Unanswered } from '../shared/parts';
import { type Column, Table } from '../shared/table';
import { handledBy, isUnhandled, KINDS, matching } from './catalogue';

const route = getRouteApi('/contracts');
const FIELDS = [
  { name: 'text', label: 'Name has' },
  { name: 'owner', label: 'Owner' },
];

const COLUMNS: readonly Column<CatalogueEntry>[] = [
  {
    header: 'Contract',
    cell: ({ name }) => (
      <Link to="/contracts/$name" params={{ name }}>
        {name}
      </Link>
    ),
  },
  { header: 'Kind', cell: ({ kind }) => <Tag tone={kind}>{kind}</Tag>, kind: 'tight' },
  { header: 'Version', cell: ({ version }) => version, kind: 'number' },
  { header: 'Owner', cell: ({ owner }) => owner, kind: 'tight' },
  { header: 'Key', cell: ({ key }) => key },
  { header: 'Sent by', cell: ({ senders }) => senders.join(', ') || 'nobody' },
  {
    header: 'Handled by',
    cell: (entry) =>
      isUnhandled(entry) ? <Tag tone="warn">nobody</Tag> : handledBy(entry).join(', '),
  },
];

/** All contracts, with their senders and handlers. */
export function ContractsScreen() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const asked = useQuery(queries.catalogue());
  return (
    <>
      <Heading title="Contracts" />
      <FilterBar
        fields={FIELDS}
        values={search}
        apply={(values) => void navigate({ search: (old) => ({ ...old, ...values }) })}
      >
        <NativeSelect
          size="xs"
          label="Kind"
          data={[{ value: '', label: 'all' }, ...KINDS]}
          value={search.kind ?? ''}
          onChange={({ currentTarget: { value } }) =>
            void navigate({ search: (old) => ({ ...old, kind: value || undefined }) })
          }
        />
      </FilterBar>
      <Answer of={asked}>
        {({ contracts, unanswered }) => {
          const rows = matching(contracts, search);
          return (
            <>
              <Unanswered services={unanswered} />
              {rows.length === 0 ? (
                <Notice>There are no contracts that fit.</Notice>
              ) : (
                <Panel title={counted(rows.length, 'contract')}>
                  <Table
                    caption="Contracts"
                    columns={COLUMNS}
                    rows={rows}
                    keyOf={({ name }) => name}
                  />
                </Panel>
              )}
            </>
          );
        }}
      </Answer>
    </>
  );
}
