import { command } from '../command-line/command';
import { letterName } from '../command-line/values';
import type { Paint } from '../output/colours';
import { moment, pretty } from '../output/table';
import { type DeadLetterWithPreview, DeadLetterWithPreview as Schema, rowOf } from './dead-letter';

export const show = command({
  name: 'show',
  summary: 'one whole: headers, body, failure with stack, and the expected result of a replay',
  parameters: '<service>/<number>',
  words: [1, 1],
  options: {},
  async run({ words: [name = ''] }, { services, paint }) {
    const { service, id } = letterName(name);
    const found = await services.one(service, `/operations/dead-letters/${id}`, Schema);
    return { json: detailsOf(service, found), text: described(service, found, paint) };
  },
});

function detailsOf(service: string, letter: DeadLetterWithPreview) {
  const { headers, body, bodyBase64, failure, replay } = letter;
  return {
    ...rowOf(service, letter),
    instance: failure.instance,
    firstFailedAt: failure.firstFailedAt,
    stack: failure.stack,
    replay: replay.expect,
    replayWhy: replay.why,
    laneKey: replay.lane?.key,
    laneWaiting: replay.lane?.waiting,
    headers,
    body,
    bodyBase64,
  };
}

function described(service: string, letter: DeadLetterWithPreview, paint: Paint): string {
  const { headers, body, bodyBase64, failure } = letter;
  const facts = factsOf(service, letter, paint);
  const width = Math.max(...[...facts, ...Object.entries(headers)].map(([name]) => name.length));
  const lines = (pairs: readonly (readonly [string, string])[]) =>
    pairs.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
  return [
    lines(facts),
    '── failure',
    paint('red', `${failure.error}: ${failure.message}`),
    ...(failure.stack === undefined ? [] : [failure.stack]),
    '── headers',
    lines(Object.entries(headers)),
    '── body',
    bodyBase64 === undefined ? pretty(body ?? '') : `(not text, base64) ${bodyBase64}`,
  ].join('\n');
}

function factsOf(
  service: string,
  { id, subscription, headers, failure, died, holds, edits, group, replay }: DeadLetterWithPreview,
  paint: Paint,
): (readonly [string, string])[] {
  const lane = laneOf(replay);
  const {
    type = '?',
    contractversion = '?',
    producerinstance = '?',
    producerbuild = '?',
    time,
  } = headers;
  return [
    ['letter', `${service}/${id}${editsOf(edits)}`],
    ['contract', `${type} version ${contractversion}`],
    ['subscription', subscription],
    [
      'died',
      `${moment(died)} in ${failure.instance}, after ${failure.tries} tries since ${moment(failure.firstFailedAt)}`,
    ],
    ['producer', `${producerinstance}, build ${producerbuild}, sent ${moment(time)}`],
    ['lane', holds ? paint('yellow', lane) : lane],
    ['group', group],
    [
      'replay',
      `${paint(replay.expect === 'handled' ? 'green' : 'red', replay.expect)}: ${replay.why}`,
    ],
  ];
}

function laneOf({ lane }: DeadLetterWithPreview['replay']): string {
  if (!lane) return 'none: it has no key';
  const { key, held, heldBy, waiting } = lane;
  const blocker = heldBy === undefined ? 'this letter' : `letter ${heldBy}`;
  return `${key} ${held ? `waits for ${blocker}` : 'goes on without it'}, ${waiting} behind it`;
}

function editsOf(edits: number): string {
  if (edits === 0) return '';
  return edits === 1 ? ' (edited once)' : ` (edited ${edits} times)`;
}
