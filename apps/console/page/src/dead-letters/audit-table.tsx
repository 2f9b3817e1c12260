import { Link } from '@tanstack/react-router';
import type { Audit, AuditEntry } from '../api/types';
import { Ago } from '../shared/parts';
import { type Column, Table } from '../shared/table';
import { entriesIn } from './letters';

type Row = AuditEntry & { readonly service: string };

const COLUMNS: readonly Column<Row>[] = [
  { header: 'When', cell: ({ at }) => <Ago at={at} />, kind: 'tight' },
  { header: 'Who', cell: ({ who }) => who },
  { header: 'Action', cell: ({ action }) => action, kind: 'tight' },
  {
    header: 'Letter',
    cell: ({ service, letter }) => (
      <Link to="/dead-letters/$service/$id" params={{ service, id: letter }}>
        {service}/{letter}
      </Link>
    ),
    kind: 'tight',
  },
  { header: 'Outcome', cell: ({ outcome, became }) => became ?? outcome },
  { header: 'Subscription', cell: ({ subscription }) => subscription },
  { header: 'Reason', cell: ({ reason }) => reason },
];

/** The decisions of operators, with what became of them. */
export function AuditTable({ answers }: { readonly answers: readonly Audit[] }) {
  const rows = entriesIn(answers);
  if (rows.length === 0) return <p className="dim">Nobody has decided about anything yet.</p>;
  return (
    <Table
      caption="Audit"
      columns={COLUMNS}
      rows={rows}
      keyOf={({ service, at, letter, action }) => `${service} ${at} ${letter} ${action}`}
    />
  );
}
