import { z } from 'zod';
import type { Report } from '../command-line/command';
import { RefusedError } from '../command-line/errors';
import type { LetterName } from '../command-line/values';
import { table } from '../output/table';
import type { Session } from '../session';
import { NONE, Preview } from './dead-letter';
import { type Action, PAST } from './dead-letter-decision';
import { chosen, type Choice } from './dead-letters-bulk';

const Done = z.looseObject({});
const Previewed = z.looseObject({ replay: Preview });
const Previews = z.looseObject({ count: z.number(), replays: z.array(Preview) });

/** A preview asks the database about each letter. */
const MOST_PREVIEWS = 1_000;

/** Replays or discards letters by their names. */
export async function decideEach(
  action: Action,
  letters: readonly LetterName[],
  reason: string | undefined,
  { services, paint }: Session,
): Promise<Report> {
  const rows = [];
  for (const { service, id } of letters) {
    const letter = `${service}/${id}`;
    const path = `/operations/dead-letters/${id}/${action}`;
    const refused = await services
      .change(service, path, { ...(reason !== undefined && { reason }) }, Done)
      .then(() => undefined, reasonOfRefusal);
    rows.push({ letter, outcome: refused === undefined ? PAST[action] : 'refused', why: refused });
  }
  const lines = rows.map(({ letter, outcome, why }) =>
    why === undefined ? `${letter} is ${outcome}.` : paint('red', `${letter}: ${why}`),
  );
  return { json: rows, text: lines.join('\n'), isWell: rows.every(({ why }) => why === undefined) };
}

/** The next letters are decided all the same. */
function reasonOfRefusal(error: unknown): string {
  if (error instanceof RefusedError && error.status === 404) return error.message;
  throw error;
}

/** The expected results of replays of letters by their names. */
export async function previewEach(
  letters: readonly LetterName[],
  { services }: Session,
): Promise<Report> {
  const rows = [];
  for (const { service, id } of letters) {
    const path = `/operations/dead-letters/${id}/replay`;
    const { replay } = await services.change(service, path, { dryRun: true }, Previewed);
    rows.push(rowOfPreview(service, replay));
  }
  return { json: rows, text: previewsTable(rows) };
}

/** The expected results of replays of the oldest letters that fit a choice. */
export async function previewMany(given: Choice, { services }: Session): Promise<Report> {
  const { holders, total, filter, limit } = await chosen(given, services);
  const rows = [];
  for (const service of holders) {
    const request = { filter, dryRun: true, limit: Math.min(MOST_PREVIEWS, limit) };
    const path = '/operations/dead-letters/replay';
    const { replays } = await services.change(service, path, request, Previews);
    rows.push(...replays.map((one) => rowOfPreview(service, one)));
  }
  const more = total > rows.length && rows.length > 0;
  const text = `${previewsTable(rows)}${more ? `\nThose are the oldest of ${total}.` : ''}`;
  return { json: rows, text };
}

const rowOfPreview = (
  service: string,
  { letter, contract, handler, expect, why, lane }: Preview,
) => ({
  letter: `${service}/${letter}`,
  contract,
  handler,
  expect,
  why,
  laneKey: lane?.key,
  laneHeld: lane?.held,
  laneWaiting: lane?.waiting,
});

function previewsTable(rows: readonly ReturnType<typeof rowOfPreview>[]): string {
  if (rows.length === 0) return NONE;
  const laneOf = ({ laneHeld, laneWaiting }: (typeof rows)[number]) =>
    laneHeld === undefined ? '' : `${laneHeld ? 'parked' : 'free'}, ${laneWaiting} behind`;
  const cells = rows.map((row) => [
    row.letter,
    row.contract,
    row.handler,
    row.expect,
    laneOf(row),
    row.why,
  ]);
  const counts = new Map<string, number>();
  for (const { expect } of rows) counts.set(expect, (counts.get(expect) ?? 0) + 1);
  const sum = [...counts].map(([expect, count]) => `${count} ${expect}`).join(', ');
  return [
    table(['letter', 'contract', 'handler', 'expect', 'lane', 'why'], cells),
    `${rows.length} would be replayed: ${sum}. Nothing was changed.`,
  ].join('\n');
}
