import type { Audit, DeadLetterGroups, DeadLetters, ReplayRuns } from '../api/types';
import { isMissing } from '../services/problems';
import { type Filters, timeIn } from '../shared/url-state';
import type { LETTER_FILTERS } from '../filters';

export type LetterSearch = Filters<(typeof LETTER_FILTERS)[number]>;

/** The filter as the API reads it: `2h` is a time. */
export function filterOf(
  { service, contract, subscription, error, group, from, to }: LetterSearch,
  now = Date.now(),
): Readonly<Record<string, string | undefined>> {
  return {
    ...{ service, contract, subscription, error, group },
    from: from === undefined ? undefined : toTheMinute(timeIn(from, now)),
    to: to === undefined ? undefined : toTheMinute(timeIn(to, now)),
  };
}

/** So that the same question is asked again, and not another one each time. */
const toTheMinute = (time: string | undefined): string | undefined =>
  time?.replace(/:\d\d\.\d{3}Z$/, ':00.000Z');

/** The letters of all services, the newest first. */
export const lettersIn = (answers: readonly DeadLetters[]) =>
  answers
    .flatMap((one) =>
      'error' in one ? [] : one.deadLetters.map((letter) => ({ ...letter, service: one.service })),
    )
    .sort((a, b) => (a.died < b.died ? 1 : -1));

/** The causes of all services, the largest first. */
export const groupsIn = (answers: readonly DeadLetterGroups[]) =>
  answers
    .flatMap((one) =>
      'error' in one ? [] : (one.groups ?? []).map((group) => ({ ...group, service: one.service })),
    )
    .sort((a, b) => b.count - a.count || (a.last < b.last ? 1 : -1));

const RUNS_SHOWN = 5;

/** Replays in steps: all that are under way, then the latest that are over. */
export function runsIn(answers: readonly ReplayRuns[]) {
  const runs = answers
    .flatMap((one) =>
      'error' in one ? [] : (one.runs ?? []).map((run) => ({ ...run, service: one.service })),
    )
    .sort((a, b) => (a.began < b.began ? 1 : -1));
  const running = runs.filter(({ state }) => state === 'running');
  const over = runs.filter(({ state }) => state !== 'running');
  return [...running, ...over.slice(0, RUNS_SHOWN)];
}

/** Actions of operators, the latest first. */
export const entriesIn = (answers: readonly Audit[]) =>
  answers
    .flatMap((one) =>
      'error' in one
        ? []
        : (one.entries ?? []).map((entry) => ({ ...entry, service: one.service })),
    )
    .sort((a, b) => (a.at < b.at ? 1 : -1));

/** Services that did not answer; one without dead letters of its own has answered. */
export const unansweredIn = (
  answers: readonly (Audit | DeadLetterGroups | DeadLetters)[],
): readonly string[] =>
  answers.flatMap((one) => ('error' in one && !isMissing(one.error) ? [one.service] : []));
