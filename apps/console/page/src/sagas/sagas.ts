import type { Saga, SagaSummary, Sagas, StateChange } from '../api/types';
import { isMissing } from '../services/problems';

export type SagaRow = SagaSummary & { readonly service: string };

/** The sagas of all services, the latest first; whose are missing, and what was wrong to ask. */
export function sagasIn(answers: readonly Sagas[]) {
  const refused = answers.flatMap((one) => {
    const message =
      'error' in one && statusOf(one.error) === 400 ? messageOf(one.error) : undefined;
    return message === undefined ? [] : [message];
  });
  return {
    rows: answers
      .flatMap((one): SagaRow[] =>
        'items' in one ? one.items.map((saga) => ({ ...saga, service: one.service })) : [],
      )
      .sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1)),
    unanswered: answers.flatMap((one) =>
      'error' in one && !isMissing(one.error) ? [one.service] : [],
    ),
    incomplete: answers.flatMap((one) =>
      'incomplete' in one ? [{ service: one.service, why: one.incomplete }] : [],
    ),
    problem: refused[0],
  };
}

/** A step or a timeout that runs, as one line of time. */
export interface Moment {
  readonly id: string;
  readonly at: string;
  readonly what: string;
  /** The stage before and after. */
  readonly stages?: string;
  readonly sent: readonly string[];
  /** Time since the step before, in seconds. */
  readonly after?: number;
  readonly state: 'past' | 'to come' | 'overdue' | 'failing' | 'asks';
  readonly problem?: string;
  readonly changes?: readonly StateChange[];
  /** `ada: the provider said so` */
  readonly by?: string;
}

/** A repair that fits a saga as it stands, and the steps that it may be about. */
export interface RepairChoice {
  readonly verb: 'retry' | 'skip' | 'cancel' | 'resume';
  readonly label: string;
  readonly steps: readonly string[];
}

/** The repairs of a saga; none for one that is finished, or of an older service. */
export function repairsOf({
  done,
  timeouts,
  waitsFor = [],
  deadSteps = [],
  cancellable,
}: Pick<
  Saga,
  'done' | 'timeouts' | 'waitsFor' | 'deadSteps' | 'cancellable'
>): readonly RepairChoice[] {
  if (done || cancellable === undefined) return [];
  const names = timeouts.map(({ name }) => name);
  const isPaused = timeouts.some(({ paused }) => paused) || deadSteps.length > 0;
  const skippable = [...names, ...deadSteps.map(({ contract }) => contract), ...waitsFor];
  const choices: readonly (RepairChoice | false)[] = [
    isPaused && { verb: 'resume', label: 'Resume …', steps: [] },
    names.length > 0 && { verb: 'retry', label: 'Retry now …', steps: names },
    skippable.length > 0 && {
      verb: 'skip',
      label: 'Skip a step …',
      steps: [...new Set(skippable)],
    },
    { verb: 'cancel', label: 'Cancel …', steps: [] },
  ];
  return choices.filter((one) => one !== false);
}

/** The history of a saga, and the timeouts that are still to come. */
export function timelineOf({ history, timeouts }: Pick<Saga, 'history' | 'timeouts'>, now: number) {
  const past = history.map((entry, index): Moment => {
    const { at, trigger, from, to, said, changes = [], who, reason } = entry;
    const before = history[index - 1]?.at;
    return {
      ...{ id: `${index} ${at}`, at, what: trigger, sent: said, state: 'past' },
      ...(to !== undefined &&
        from !== to && { stages: from === undefined ? to : `${from} → ${to}` }),
      ...(before !== undefined && { after: (Date.parse(at) - Date.parse(before)) / 1_000 }),
      ...(changes.length > 0 && { changes }),
      ...(who !== undefined && { by: `${who}: ${reason ?? 'no reason given'}` }),
    };
  });
  const coming = timeouts.map(({ name, due, failures, error, paused }): Moment => {
    const isDue = Date.parse(due) <= now;
    const state = paused ? 'asks' : failures > 0 ? 'failing' : isDue ? 'overdue' : 'to come';
    return {
      ...{ id: `timeout ${name}`, at: due, what: `timeout ${name}`, sent: [], state },
      ...(failures > 0 && { problem: `failed ${failures} times: ${error ?? 'no reason given'}` }),
    };
  });
  return [...past, ...coming.sort((a, b) => (a.at < b.at ? -1 : 1))];
}

const statusOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined;
const messageOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'message' in error
    ? String(error.message)
    : 'The services refuse this filter.';
