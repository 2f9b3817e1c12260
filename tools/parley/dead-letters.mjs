// npm run parley -- dead-letters: what no handling helped, and what to do about it.
import { Usage } from './arguments.mjs';

const HELP = `npm run parley -- dead-letters <command>

  list       which there are; --groups: by what they died of
  show       one whole: headers, body, failure with stack, and what a replay would come to
  edit       give one another body, checked against its contract; --replay: and put it back
  replay     put back one, a group or all; --dry-run: what would happen
  discard    throw away one or a group, with a reason; a lane it held goes on
  audit      who did what to which, and what came of it

  dead-letters <command> --help says more.`;

const COMMANDS = {
  list: () => import('./dead-letters-list.mjs').then(({ list }) => list),
  show: () => import('./dead-letters-list.mjs').then(({ show }) => show),
  audit: () => import('./dead-letters-list.mjs').then(({ audit }) => audit),
  edit: () => import('./dead-letters-edit.mjs').then(({ edit }) => edit),
  replay: () => import('./dead-letters-replay.mjs').then(({ replay }) => replay),
  discard: () => import('./dead-letters-replay.mjs').then(({ discard }) => discard),
};

export async function run([name, ...rest]) {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help')
    return console.log(HELP);
  if (!Object.hasOwn(COMMANDS, name))
    throw new Usage(`There is no command "dead-letters ${name}".`, HELP);
  await (
    await COMMANDS[name]()
  )(rest);
}
