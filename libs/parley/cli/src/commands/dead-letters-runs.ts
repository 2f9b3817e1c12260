import { z } from 'zod';
import { command, type Report } from '../command-line/command';
import { UsageError } from '../command-line/errors';
import type { Given } from '../command-line/given';
import { letterName } from '../command-line/values';
import { queryOf, type Services } from '../fleet/services';
import { moment, table } from '../output/table';
import type { Session } from '../session';
import type { Decided } from './dead-letter-decision';

/** A replay in steps, as operations tell it. */
const Run = z.looseObject({
  id: z.string(),
  subscription: z.string(),
  group: z.string(),
  state: z.string(),
  who: z.string(),
  reason: z.string().optional(),
  rate: z.number(),
  step: z.number(),
  steps: z.number(),
  total: z.number(),
  replayed: z.number(),
  handled: z.number(),
  open: z.number(),
  waiting: z.number(),
  progress: z.string(),
  outcome: z.string().optional(),
  began: z.string(),
  ended: z.string().optional(),
});
type Run = z.infer<typeof Run>;
const Runs = z.looseObject({ runs: z.array(Run) });
const Groups = z.looseObject({
  groups: z.array(z.looseObject({ group: z.string(), subscriptions: z.array(z.string()) })),
});

const PATH = '/operations/dead-letters/runs';
const LOOK_EVERY_MS = 1_000;

interface Followed {
  readonly service: string;
  readonly run: Run;
}

/**
 * Begins a replay in steps for each subscription that has letters of the group, and tells how they
 * end. They go on when this program does not.
 */
export async function replayInSteps(given: Decided, session: Session): Promise<Report> {
  const { services, terminal } = session;
  const [group, reason] = [given.text('group'), given.text('reason')?.trim()];
  if (group === undefined) throw new UsageError('Steps are for one cause: say which by --group.');
  if (!reason) throw new UsageError('Say why, by --reason.');
  if (given.text('limit') !== undefined)
    throw new UsageError('Steps have no --limit: they take 1, 5, 25, then all.');
  const places = await placesOf(group, given, services);
  if (places.length === 0) return { json: [], text: 'There are no dead letters of that kind.' };
  const rate = given.number('rate', 0.5, 1_000);
  const begun: Followed[] = [];
  for (const { service, subscription } of places) {
    const request = { subscription, group, rate, reason };
    begun.push({ service, run: await services.change(service, PATH, request, Run) });
  }
  let isStopped = false;
  const forget = terminal.onStop(() => {
    isStopped = true;
  });
  const ended = [];
  for (const { service, run } of begun) {
    let latest = run;
    while (latest.state === 'running' && !isStopped) {
      if (!given.flag('json'))
        terminal.progress(`${service}/${run.id} step ${latest.step} of 4: ${latest.progress}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      latest = await services.one(service, `${PATH}/${run.id}`, Run);
    }
    ended.push({ service, run: latest });
  }
  forget();
  terminal.progress(undefined);
  return {
    json: ended.map(rowOf),
    text: ended.map((one) => sentenceOf(one, session.program)).join('\n'),
    isWell: ended.every(({ run }) => ['done', 'running'].includes(run.state)),
  };
}

async function placesOf(
  group: string,
  given: Given<'service' | 'subscription'>,
  services: Services,
): Promise<readonly { readonly service: string; readonly subscription: string }[]> {
  const subscription = given.text('subscription');
  const path = `/operations/dead-letters/groups${queryOf({ group, subscription })}`;
  const replies = await services.each(path, Groups, given.text('service'));
  return replies.flatMap(({ service, body }) =>
    body.groups.flatMap((one) =>
      one.subscriptions.map((name) => ({ service, subscription: name })),
    ),
  );
}

const sentenceOf = ({ service, run }: Followed, program: string): string =>
  run.state === 'running'
    ? `${service}/${run.id} goes on: ${run.progress}; end it by ${program} dead-letters cancel ${service}/${run.id}`
    : `${service}/${run.id} is ${run.state}: ${run.outcome ?? run.progress}`;

const rowOf = ({ service, run }: Followed) => ({
  run: `${service}/${run.id}`,
  service,
  ...{ subscription: run.subscription, group: run.group, state: run.state, step: run.step },
  ...{ total: run.total, replayed: run.replayed, handled: run.handled, rate: run.rate },
  ...{ who: run.who, reason: run.reason, began: run.began, ended: run.ended },
  outcome: run.outcome,
});

export const runs = command({
  name: 'runs',
  summary: 'replays in steps (replay --canary), under way and over',
  options: {
    service: { type: 'string', value: 'S', help: 'of this service' },
    limit: { type: 'string', value: 'N', help: 'of each service, the latest first', default: '20' },
  },
  async run(given, { services }) {
    const path = `${PATH}${queryOf({ limit: given.number('limit', 1, 1_000) })}`;
    const replies = await services.each(path, Runs, given.text('service'));
    const found = replies.flatMap(({ service, body }) =>
      body.runs.map((run) => ({ service, run })),
    );
    if (found.length === 0) return { json: [], text: 'Nothing was replayed in steps.' };
    const text = table(
      ['run', 'began', 'who', 'subscription', 'group', 'state', 'step', 'how far'],
      found.map(({ service, run }) => [
        ...[`${service}/${run.id}`, moment(run.began), run.who, run.subscription, run.group],
        ...[run.state, `${run.step} of ${run.steps}`, run.outcome ?? run.progress],
      ]),
    );
    return { json: found.map(rowOf), text };
  },
});

export const cancel = command({
  name: 'cancel',
  summary: 'ends a replay in steps; the letters that it did not take stay as they are',
  parameters: '<service>/<run> --reason TEXT',
  words: [1, 1],
  options: {
    reason: { type: 'string', value: 'TEXT', help: 'for the audit' },
    as: { type: 'string', value: 'NAME', help: 'who you are; default: your login' },
  },
  async run(given, { services }) {
    const { service, id } = letterName(given.words[0]!);
    const reason = given.text('reason')?.trim();
    if (!reason) throw new UsageError('Say why, by --reason.');
    await services.change(service, `${PATH}/${id}/cancel`, { reason }, z.looseObject({}));
    const run = await services.one(service, `${PATH}/${id}`, Run);
    return {
      json: rowOf({ service, run }),
      text: `${service}/${id} is ${run.state}: ${run.outcome ?? run.progress}`,
    };
  },
});
