import type { ReactNode } from 'react';

export interface Column<Row> {
  readonly header: string;
  readonly cell: (row: Row) => ReactNode;
  readonly kind?: 'number' | 'tight' | 'last';
}

interface Props<Row> {
  /** For those who do not see where the table stands. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
}

/** Roles are spelt out: where there is no room, rows are shown as cards, and a browser forgets. */
export function Table<Row>({ caption, columns, rows, keyOf }: Props<Row>) {
  return (
    <table className="table" role="table" aria-label={caption}>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(({ header, kind }) => (
            <th key={header} role="columnheader" scope="col" className={kind}>
              {kind === 'last' ? <span className="hidden">{header}</span> : header}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr key={keyOf(row)} role="row">
            {columns.map(({ header, cell, kind = '' }) => {
              const content = cell(row);
              const isEmpty = content === undefined || content === '';
              return (
                <td
                  key={header}
                  role="cell"
                  data-label={header}
                  className={isEmpty ? `${kind} empty` : kind}
                >
                  {content}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
