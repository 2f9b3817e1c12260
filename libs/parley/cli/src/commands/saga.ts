import { z } from 'zod';
import { command } from '../command-line/command';
import { RefusedError } from '../command-line/errors';
import { reasonOf } from '../fleet/saga-reason';
import { deadOfConversation } from '../fleet/stuck-sagas';
import type { Services } from '../fleet/services';
import type { Paint } from '../output/colours';
import { moment, table } from '../output/table';

const Saga = z.looseObject({
  name: z.string(),
  key: z.string(),
  state: z.unknown(),
  stage: z.string().optional(),
  done: z.boolean(),
  version: z.number(),
  correlationId: z.string(),
  startedAt: z.string(),
  changedAt: z.string(),
  history: z.array(
    z.looseObject({
      at: z.string(),
      trigger: z.string(),
      messageId: z.string().optional(),
      from: z.string().optional(),
      to: z.string().optional(),
      said: z.array(z.string()),
      changes: z
        .array(
          z.looseObject({
            field: z.string(),
            from: z.string().optional(),
            to: z.string().optional(),
          }),
        )
        .default([]),
      who: z.string().optional(),
      reason: z.string().optional(),
    }),
  ),
  ahead: z
    .array(z.looseObject({ on: z.string(), to: z.string().optional(), done: z.boolean() }))
    .default([]),
  timeouts: z.array(
    z.looseObject({
      name: z.string(),
      due: z.string(),
      times: z.number(),
      failures: z.number(),
      error: z.string().optional(),
    }),
  ),
});
type Saga = z.infer<typeof Saga>;
const Names = z.array(z.looseObject({ name: z.string() }));

type Dead = Awaited<ReturnType<typeof deadOfConversation>>;

/** A saga in its service. */
interface Place {
  readonly service: string;
  readonly saga: string;
  readonly key: string;
}

export const saga = command({
  name: 'saga',
  summary: 'one saga: its state, history, running timeouts and dead letters',
  parameters: '<key> | <service>/<saga>/<key>',
  words: [1, 1],
  options: {},
  notes: 'The key alone finds it under the names of the latest 1000 sagas of each service.',
  async run({ words: [word = ''] }, { services, paint }) {
    const places = [...wholePlaces(word, services), ...(await placesOf(word, services))];
    for (const { service, saga: name, key } of places) {
      const path = `/operations/sagas/${encodeURIComponent(name)}/${encodeURIComponent(key)}`;
      const found = await services.one(service, path, Saga).catch(undefinedIfMissing);
      if (!found) continue;
      const dead = await deadOfConversation(services.fleet, found.correlationId);
      const why = await reasonOf(services.fleet, service, found, dead);
      const text = described(service, found, dead, paint, why);
      return { json: detailsOf(service, found, dead, why), text, isWell: dead.length === 0 };
    }
    throw new RefusedError(`There is no saga ${word}; name it whole: <service>/<saga>/<key>.`);
  },
});

/** `orders/fulfilment/4bee58aa`, if it begins with a service. */
function wholePlaces(word: string, { fleet }: Services): readonly Place[] {
  const [service = '', name = '', ...key] = word.split('/');
  const isWhole = key.length > 0 && Object.hasOwn(fleet.addresses, service);
  return isWhole ? [{ service, saga: name, key: key.join('/') }] : [];
}

/** Every saga of any service that may have this key. */
async function placesOf(key: string, services: Services): Promise<readonly Place[]> {
  const replies = await services.each('/operations/sagas?limit=1000', Names);
  return replies.flatMap(({ service, body }) =>
    [...new Set(body.map(({ name }) => name))].map((name) => ({ service, saga: name, key })),
  );
}

function undefinedIfMissing(error: unknown): undefined {
  if (error instanceof RefusedError && error.status === 404) return undefined;
  throw error;
}

function detailsOf(service: string, found: Saga, dead: Dead, why: string | undefined) {
  const { name, key, stage, done, version, correlationId, startedAt, changedAt } = found;
  return {
    ...{ service, saga: name, key, stage, done, version, correlationId, startedAt, changedAt },
    why,
    state: found.state,
    history: found.history.map(
      ({ at, trigger, messageId, from, to, said, changes, who, reason }) => ({
        ...{ at, trigger, messageId, from, to, sent: said, changes, who, reason },
      }),
    ),
    ahead: found.ahead.map(({ on, to, done: isEnd }) => ({ on, to, done: isEnd })),
    timeouts: found.timeouts,
    deadLetters: dead.map(({ letter }) => letter),
  };
}

function described(
  service: string,
  found: Saga,
  dead: Dead,
  paint: Paint,
  why: string | undefined,
): string {
  const { name, key, stage = '', done, correlationId, startedAt, changedAt } = found;
  const parts = [
    [
      `${paint('cyan', `${service}/${name}/${key}`)}  ${stage} (${done ? 'done' : 'running'})`,
      `started ${moment(startedAt)}, changed ${moment(changedAt)}, conversation ${correlationId}`,
      ...(why === undefined ? [] : [paint('yellow', why)]),
    ].join('\n'),
    `── history\n${historyTable(found)}`,
  ];
  if (found.ahead.length > 0)
    parts.push(
      `── the rest of its way, if all goes well\n${found.ahead.map(({ on, to = 'its end' }) => `${on} → ${to}`).join('\n')}`,
    );
  if (found.timeouts.length > 0) parts.push(`── timeouts\n${timeoutsTable(found)}`);
  if (dead.length > 0) {
    const lines = dead.map(
      ({ letter, contract, holds }) => `${letter} (${contract}${holds ? ', its lane waits' : ''})`,
    );
    parts.push(`── dead letters of its conversation\n${paint('yellow', lines.join('\n'))}`);
  }
  parts.push(`── state\n${JSON.stringify(found.state, null, 2)}`);
  return parts.join('\n');
}

const historyTable = ({ history }: Saga): string =>
  table(
    ['when', 'trigger', 'stage', 'sent', 'changed'],
    history.map(({ at, trigger, from, to, said, changes, who, reason }) => [
      moment(at),
      who === undefined ? trigger : `${trigger} by ${who}: ${reason ?? ''}`,
      from === to ? to : `${from ?? ''} → ${to ?? ''}`,
      said.join(', '),
      changes.map(({ field }) => field).join(', '),
    ]),
  );

const timeoutsTable = ({ timeouts }: Saga): string =>
  table(
    ['timeout', 'due', 'ran out', 'failures', 'error'],
    timeouts.map(({ name, due, times, failures, error }) => [
      ...[name, moment(due), times, failures, error],
    ]),
  );
