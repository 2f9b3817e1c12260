import type { Backlog, DeadLetters, Instance, OverdueOfInstance, State } from '../api/types';
import { counted, span } from '../shared/format';

/** A problem for an operator: one sentence, with the screen that shows more. */
export interface Problem {
  readonly id: string;
  readonly severity: 'bad' | 'warn';
  readonly what: string;
  readonly who: string;
  readonly leadsTo?: { readonly deadLettersOf: string };
}

interface Found {
  readonly instances: readonly Instance[];
  readonly backlog: readonly Backlog[];
  readonly overdue: readonly OverdueOfInstance[];
  /** One letter of each service is enough: its answer has the count of all. */
  readonly deadLetters: readonly DeadLetters[];
}

/** Begun relays take a moment; longer means that the broker does not take messages. */
const OUTBOX_TOO_OLD_MS = 30_000;

const STATES: Readonly<Record<Exclude<State, 'ready'>, string>> = {
  silent: 'not answering',
  'not ready': 'not ready',
  degraded: 'degraded',
};
const ORDER: readonly string[] = ['silent', 'not ready', 'degraded'];

/** All problems for an operator, the worst first. The same cause of several instances is one problem. */
export function problemsOf(found: Found): readonly Problem[] {
  return [
    ...causesOf(found, 'bad'),
    ...outboxesOf(found.instances),
    ...pausesOf(found.instances),
    ...deadOf(found.deadLetters),
    ...overdueOf(found.overdue),
    ...causesOf(found, 'warn'),
    ...unreadOf(found),
  ];
}

export const nameOf = ({ service, url, status }: Instance): string =>
  status?.instance ?? `${service} at ${url.replace(/^https?:\/\//, '')}`;

/** Root causes: what the most instances have comes first, for the others may follow from it. */
function causesOf({ instances, overdue }: Found, severity: Problem['severity']) {
  const by = new Map<string, { readonly state: State; readonly cause: string; who: string[] }>();
  for (const one of instances) {
    if ((one.state === 'degraded') !== (severity === 'warn')) continue;
    for (const cause of one.causes.filter((text) => !isToldElsewhere(text, one, overdue))) {
      const id = `${one.state}: ${cause}`;
      const others = by.get(id) ?? { state: one.state, cause, who: [] };
      others.who.push(nameOf(one));
      by.set(id, others);
    }
  }
  return [...by]
    .sort(
      ([, a], [, b]) =>
        b.who.length - a.who.length || ORDER.indexOf(a.state) - ORDER.indexOf(b.state),
    )
    .map(([id, { state, cause, who }]): Problem => {
      const state_ = state === 'ready' ? '' : STATES[state];
      return { id, severity, who: who.join(', '), what: `${state_}: ${cause}` };
    });
}

const OVERDUE =
  /\d{1,9} over their timeout and still running, the oldest for \d{1,9} s: \S{1,300} \S{1,300}/;

/** A pause and overdue handlers make an instance degraded: they are problems of their own. */
function isToldElsewhere(
  cause: string,
  { status, url }: Instance,
  overdue: readonly OverdueOfInstance[],
): boolean {
  const hasOverdue = overdue.some(
    (one) => one.url === url && !('error' in one) && one.items.length > 0,
  );
  const told = (status?.paused ?? []).map(
    ({ subscription, reason }) => `${subscription}: ${reason}`,
  );
  const part = cause.indexOf(': ') + 2; // `event (postgres): `
  let rest = cause.slice(part);
  for (const text of told) rest = rest.replace(text, '');
  if (hasOverdue) rest = rest.replace(OVERDUE, '');
  return rest.length < cause.length - part && /^[;\s]*$/.test(rest);
}

const outboxesOf = (instances: readonly Instance[]): readonly Problem[] => [
  ...new Map(
    instances.flatMap(({ service, status }): [string, Problem][] => {
      const { waiting = 0, oldestAge = 0, reasons = [] } = status?.outbox ?? {};
      if (waiting === 0 || oldestAge < OUTBOX_TOO_OLD_MS) return [];
      const why = reasons.length > 0 ? `: ${reasons.join('; ')}` : '';
      const what = `${counted(waiting, 'message')} stored, but not sent for ${span(oldestAge / 1_000)}${why}`;
      return [[service, { id: `outbox ${service}`, severity: 'bad', who: service, what }]];
    }),
  ).values(),
];

/** A pause of several instances of a subscription is one. */
const pausesOf = (instances: readonly Instance[]): readonly Problem[] => [
  ...new Map(
    instances
      .flatMap(({ status }) => status?.paused ?? [])
      .map(({ subscription, reason = 'no reason given' }): [string, Problem] => [
        subscription,
        {
          id: `paused ${subscription}`,
          severity: 'bad',
          who: subscription,
          what: `paused: ${reason}`,
        },
      ]),
  ).values(),
];

const deadOf = (answers: readonly DeadLetters[]): readonly Problem[] =>
  answers
    .flatMap((answer) => ('error' in answer || !answer.count ? [] : [answer]))
    .sort((a, b) => b.count - a.count)
    .map(({ service, count: dead }) => ({
      id: `dead ${service}`,
      severity: 'bad',
      who: service,
      what: counted(dead, 'dead letter'),
      leadsTo: { deadLettersOf: service },
    }));

const overdueOf = (answers: readonly OverdueOfInstance[]): readonly Problem[] =>
  answers.flatMap((answer) => {
    if ('error' in answer || answer.items.length === 0) return [];
    const { service, url, items } = answer;
    const oldest = Math.max(...items.map(({ age }) => age));
    const handlers = [...new Set(items.map(({ handler }) => handler))].join(', ');
    return [
      {
        id: `overdue ${url}`,
        severity: 'warn' as const,
        who: service,
        what: `${counted(items.length, 'handler')} over the timeout and still running, the longest for ${span(oldest / 1_000)}: ${handlers}`,
      },
    ];
  });

/** Answers that did not come, of services whose instances do answer. */
function unreadOf({ instances, backlog, deadLetters }: Found): readonly Problem[] {
  const speaks = (service: string) =>
    instances.some((one) => one.service === service && one.state !== 'silent');
  const unread = (
    answers: readonly (Backlog | DeadLetters)[],
    what: string,
  ): readonly Problem[] => {
    const services = answers.flatMap((one) =>
      'error' in one && speaks(one.service) && !isMissing(one.error) ? [one.service] : [],
    );
    return services.length === 0
      ? []
      : [{ id: `unread ${what}`, severity: 'warn', who: services.join(', '), what }];
  };
  return [
    ...unread(backlog, 'the backlog cannot be read'),
    ...unread(deadLetters, 'dead letters cannot be read'),
  ];
}

/** A service without data of its own has no such thing. */
export const isMissing = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'status' in error && error.status === 404;
