// The topology as a drawing in Mermaid: arrows as topology.ts has them, each with the contracts that
// the sources of the services use.
import { betweenMarkers } from '../build/between-markers.mjs';
import { ownersCalled, topology } from '../topology/topology.mjs';
import { HOME } from './contract-sources.mjs';
import { usersOf } from './contract-users.mjs';
import { readIfThere } from './written-files.mjs';

/** @import { Kind } from '../../libs/parley/contract/src/index.js' */
/** @import { Promised } from './contract-sources.mjs' */
/** @import { GeneratedFile } from './written-files.mjs' */
/** @typedef {{ from: string, to: string, kind: Kind }} Arrow */

const PAGE = `${HOME}/README.md`;

/** @type {Record<Kind, string>} */
const LINE = { call: '-->', command: '==>', event: '-.->', broadcast: '--o' };

/**
 * The page with the drawing, where the tree has one.
 * @param {readonly Promised[]} contracts
 * @returns {GeneratedFile[]}
 */
export function topologyDrawing(contracts) {
  const text = betweenMarkers(readIfThere(PAGE) ?? '', 'topology', drawing(contracts));
  return text === undefined ? [] : [{ file: PAGE, text, says: 'draws another topology' }];
}

/** @param {readonly Promised[]} contracts */
function drawing(contracts) {
  const used = contracts.map(({ exported, schema }) => ({
    exported,
    kind: schema.kind,
    owner: schema.name.slice(0, schema.name.indexOf('.')),
    ...usersOf(
      { ...schema, exported },
      topology.map(({ name }) => name),
    ),
  }));
  /** @param {Arrow} arrow */
  const label = ({ from, to, kind }) =>
    used
      .filter((one) => one.kind === kind)
      .filter(({ owner, sent, handled }) =>
        isReported(kind)
          ? owner === from && handled.includes(to)
          : owner === to && sent.includes(from),
      )
      .map(({ exported }) => exported)
      .join('<br>');
  /** @param {Arrow} arrow */
  const line = (arrow) => {
    const names = label(arrow);
    return `  ${arrow.from} ${LINE[arrow.kind]}${names && `|"${names}"|`} ${arrow.to}`;
  };
  return [
    '```mermaid',
    'flowchart LR',
    ...topology.map(
      ({ name, place }) =>
        `  ${place === 'outside' ? `${name}(["${name}"])` : `${name}["${name}"]`}`,
    ),
    ...arrows().map(line),
    ...topology.flatMap(({ name, outside = [] }) =>
      outside.map((other) => `  ${name} --> ${other}(["${other}"])`),
    ),
    '```',
  ].join('\n');
}

/** @param {Kind} kind */
const isReported = (kind) => kind === 'event' || kind === 'broadcast';

/** @returns {Arrow[]} */
const arrows = () =>
  topology.flatMap((process) => {
    const { name, commands = [], follows = [], listens = [] } = process;
    return [
      ...ownersCalled(process).map((to) => /** @type {Arrow} */ ({ from: name, to, kind: 'call' })),
      ...commands.map((to) => /** @type {Arrow} */ ({ from: name, to, kind: 'command' })),
      ...follows.map((from) => /** @type {Arrow} */ ({ from, to: name, kind: 'event' })),
      ...listens.map((from) => /** @type {Arrow} */ ({ from, to: name, kind: 'broadcast' })),
    ];
  });
