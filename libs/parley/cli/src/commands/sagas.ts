import { z } from 'zod';
import { command } from '../command-line/command';
import { sagasWithDead } from '../fleet/stuck-sagas';
import { moment, table } from '../output/table';
import { REPAIR, repairSaga } from './saga-repair';

const Sagas = z.array(
  z.looseObject({
    name: z.string(),
    key: z.string(),
    stage: z.string().optional(),
    done: z.boolean(),
    startedAt: z.string(),
    changedAt: z.string(),
    dead: z
      .array(z.looseObject({ letter: z.string(), contract: z.string(), holds: z.boolean() }))
      .default([]),
  }),
);

export const sagas = command({
  name: 'sagas',
  summary: 'where each process of several messages stands; repairs one that is stuck',
  parameters: '[retry | skip | cancel | resume <service>/<saga>/<key> --reason TEXT]',
  words: [0, 2],
  options: {
    saga: { type: 'string', value: 'NAME', help: 'of this name: fulfilment' },
    stage: { type: 'string', value: 'STAGE', help: 'at this stage' },
    state: {
      type: 'string',
      value: 'STATE',
      help: 'failing: the step of a timeout fails',
      choices: ['running', 'finished', 'failing'],
    },
    stuck: { type: 'boolean', help: 'with a dead letter in their conversation, finished or not' },
    'older-than': { type: 'string', value: 'AGE', help: 'started at least so long ago: 15m' },
    limit: { type: 'string', value: 'N', help: 'of each service, the latest first', default: '50' },
    ...REPAIR,
  },
  notes: [
    'A message of a finished saga may wait behind a dead letter of its key: replay or discard the letter.',
    'retry: a timeout runs out now. skip: without a timeout or a dead step, or as if an answer had come.',
    'cancel: it undoes what was done, as its definition says. resume: all that is paused goes on.',
  ].join('\n'),
  async run(given, session) {
    if (given.words.length > 0) return repairSaga(given, session);
    const { services, terminal, paint } = session;
    const stuck = given.flag('stuck');
    const query = {
      saga: given.text('saga'),
      stage: given.text('stage'),
      state: given.text('state'),
      olderThan: given.text('older-than'),
      limit: String(given.number('limit', 1, 1_000)),
    };
    const filter = Object.fromEntries(
      Object.entries(query).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, value]],
      ),
    );
    const { answers, incomplete } = await sagasWithDead(services.fleet, { stuck, filter });
    for (const { service, incomplete: why } of incomplete)
      terminal.warn(paint('yellow', `${service}: ${why}; a stuck saga may be missing`));
    const rows = services.readAll(answers, Sagas).flatMap(({ service, body }) =>
      body.map(({ name, key, stage, done, startedAt, changedAt, dead }) => ({
        ...{ service, saga: name, key, stage, done, startedAt, changedAt },
        deadLetters: dead.map(({ letter }) => letter),
        text: dead.map(
          ({ letter, contract, holds }) =>
            `${letter} (${contract}${holds ? ', its lane waits' : ''})`,
        ),
      })),
    );
    const json = rows.map(({ text: _, ...row }) => row);
    if (rows.length === 0)
      return { json, text: `There are no ${stuck ? 'stuck ' : ''}sagas of that kind.` };
    const cells = rows.map((row) => [
      `${row.service}/${row.saga}`,
      row.key,
      row.stage,
      row.done ? 'done' : 'running',
      moment(row.startedAt),
      moment(row.changedAt),
      row.text.length > 0 ? paint('yellow', row.text.join(', ')) : '',
    ]);
    const header = ['saga', 'key', 'stage', '', 'started', 'changed', 'dead letters'];
    return { json, text: table(header, cells) };
  },
});
