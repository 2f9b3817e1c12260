import { z } from 'zod';
import { command } from '../command-line/command';
import { RefusedError } from '../command-line/errors';
import type { Answer } from '../fleet/fleet';
import type { Services } from '../fleet/services';
import type { Paint } from '../output/colours';
import { table } from '../output/table';
import { Backlog } from './backlog';
import { type OverdueRow, overdueRows } from './overdue';
import { readinessOf, type State, Status } from './readiness';

const Count = z.looseObject({ count: z.number() });

interface Instance {
  readonly service: string;
  readonly instance?: string;
  readonly url: string;
  readonly state: State;
  readonly causes: readonly string[];
  readonly build?: string;
  readonly uptimeSeconds?: number;
  readonly paused: readonly { readonly subscription: string; readonly reason?: string }[];
}

interface Subscription {
  readonly service: string;
  readonly subscription: string;
  readonly waiting: number;
  readonly parked: number;
  readonly delayed: number;
  readonly dead: number;
  /** Why it is paused. */
  readonly paused?: string;
}

interface Found {
  readonly instances: readonly Instance[];
  readonly subscriptions: readonly Subscription[];
  readonly overdue: readonly OverdueRow[];
  readonly deadLetters: readonly { readonly service: string; readonly count: number }[];
}

export const status = command({
  name: 'status',
  summary: 'how every service and subscription is, and what needs a person',
  options: {},
  notes: [
    'It lists every subscription: messages that wait, are parked behind another of their key or until a retry, are delayed until a',
    'time, or are dead, and its pause. It ends with what needs a person: instances that are not ready or degraded, with the root',
    'cause, pauses, dead letters, handlers over their timeout. The exit code is 1 when something does.',
  ].join('\n'),
  async run(_given, { services, paint, program }) {
    const found = await lookAt(services);
    const problems = problemsOf(found, program);
    const { instances, subscriptions, overdue, deadLetters } = found;
    const rows = instances.map(({ paused: _, ...row }) => row);
    return {
      json: {
        ...{ isWell: problems.length === 0, problems, instances: rows },
        ...{ subscriptions, deadLetters, overdue },
      },
      text: described(found, problems, paint),
      isWell: problems.length === 0,
    };
  },
});

async function lookAt(services: Services): Promise<Found> {
  const [health, states] = await Promise.all([
    services.fleet.askAll('/health/ready'),
    services.fleet.askAll('/operations/status'),
  ]);
  const instances = health.map((answer, index) => instanceOf(answer, states[index]));
  if (instances.every(({ state }) => state === 'silent'))
    throw new RefusedError(instances.map(({ url, causes }) => `${url}: ${causes[0]}`).join('\n'));
  const [backlog, letters, overdue] = await Promise.all([
    services.each('/operations/backlog', Backlog),
    services.each('/operations/dead-letters?limit=1', Count),
    overdueRows(services),
  ]);
  const paused = new Map(
    instances.flatMap((one) =>
      one.paused.map(({ subscription, reason }) => [subscription, reason]),
    ),
  );
  return {
    instances,
    overdue,
    subscriptions: backlog.flatMap(({ service, body }) =>
      body.map(({ subscription, waiting, parked, delayed, dead }) => ({
        ...{ service, subscription, waiting, parked, delayed, dead },
        ...(paused.has(subscription) && { paused: paused.get(subscription) ?? 'no reason given' }),
      })),
    ),
    deadLetters: letters
      .filter(({ body }) => body.count > 0)
      .map(({ service, body }) => ({ service, count: body.count })),
  };
}

function instanceOf(health: Answer, asked: Answer | undefined): Instance {
  const { service, url } = health;
  const of = asked?.ok ? Status.safeParse(asked.body).data : undefined;
  return {
    ...{ service, instance: of?.instance, url, ...readinessOf(health, of) },
    ...{ build: of?.build, uptimeSeconds: of?.uptime, paused: of?.paused ?? [] },
  };
}

/** Sentences for an operator; one for all instances that have the same cause. */
function problemsOf(found: Found, program: string): readonly string[] {
  const { instances, subscriptions, overdue, deadLetters } = found;
  const unwell = new Map<string, Set<string>>();
  for (const { service, instance, url, state, causes } of instances)
    for (const cause of causes) {
      const id = `${state === 'silent' ? 'not answering' : state}: ${cause}`;
      unwell.set(id, (unwell.get(id) ?? new Set()).add(`${instance ?? service} at ${url}`));
    }
  return [
    ...[...unwell].map(
      ([id, who]) => `${[...who].join(', ')} ${who.size === 1 ? 'is' : 'are'} ${id}`,
    ),
    ...subscriptions
      .filter(({ paused }) => paused !== undefined)
      .map(({ subscription, paused }) => `${subscription} is paused: ${paused}`),
    ...deadLetters.map(
      ({ service, count }) =>
        `${service} has ${count} dead letter${count === 1 ? '' : 's'}: ${program} dead-letters list --service ${service}`,
    ),
    ...overdue.map(
      ({ service, url, handler, ageMs, contract }) =>
        `${handler} of ${service} at ${url} handles ${contract} since ${Math.round(ageMs / 1_000)} s, over its timeout`,
    ),
  ];
}

function described(
  { instances, subscriptions }: Found,
  problems: readonly string[],
  paint: Paint,
): string {
  const ready = instances.filter(({ state }) => state === 'ready' || state === 'degraded').length;
  const header = ['subscription', 'waiting', 'parked', 'delayed', 'dead', ''];
  const cells = subscriptions.map(({ subscription, waiting, parked, delayed, dead, paused }) => [
    ...[subscription, waiting, parked, delayed, dead],
    paused === undefined ? '' : paint('yellow', 'paused'),
  ]);
  return [
    `${ready} of ${instances.length} instances are ready.`,
    table(header, cells),
    problems.length === 0
      ? 'Nothing needs a person.'
      : `Needs a person:\n${problems.map((one) => `  ${one}`).join('\n')}`,
  ].join('\n\n');
}
