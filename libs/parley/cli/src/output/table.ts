import { stripVTControlCharacters } from 'node:util';

type Cell = string | number | undefined;

const widthOf = (cell: Cell): number => stripVTControlCharacters(String(cell ?? '')).length;

/** Columns as wide as their widest cell. */
export function table(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map((row) => widthOf(row[column]))),
  );
  const line = (row: readonly Cell[]) =>
    widths
      .map((width, column) => {
        const cell = String(row[column] ?? '');
        return cell + ' '.repeat(width - widthOf(cell));
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('──');
  return [line(header), rule, ...rows.map(line)].join('\n');
}

/** `[██████░░░░] 612 of 1000` */
export function bar(done: number, total: number, width = 24): string {
  const filled = Math.min(width, Math.round((done / Math.max(1, total)) * width));
  return `[${'█'.repeat(filled)}${'░'.repeat(width - filled)}] ${done} of ${total}`;
}

/** `2026-11-23 09:24:20Z` */
export const moment = (iso: string | undefined): string =>
  iso === undefined ? '' : iso.replace('T', ' ').replace(/\.\d+Z$/, 'Z');

export const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';

export const clip = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1)}…`;

/** JSON with a field a line; a text that is no JSON as it is. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
