import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '@parley/conformance';
import { GuestbookOnTrial } from './guestbook-process.fixture';
import { ROOT } from './service-process.fixture';

jest.setTimeout(120_000);

const SOURCE = 'libs/parley/service/src/guestbook.fixture.ts';
const BUILT = '.data/stacks/dist';
const LINE =
  readFileSync(join(ROOT, SOURCE), 'utf8')
    .split('\n')
    .findIndex((line) => line.includes('throw new TypeError')) + 1;

beforeAll(() =>
  promisify(execFile)(process.execPath, ['tools/build/build.mjs', '--with-fixtures', BUILT], {
    cwd: ROOT,
  }),
);

it.each([
  ['its sources, as nx serve does', ['--enable-source-maps', '-r', '@swc-node/register', SOURCE]],
  ['its build', [join(BUILT, SOURCE.replace(/\.ts$/, '.js'))]],
])('a dead letter names the line of the source, when a service runs %s', async (_, argv) => {
  const guestbook = await GuestbookOnTrial.start({ argv });
  try {
    await guestbook.post('Ada/trip');
    const dead = () => fetch(`${guestbook.url}/operations/dead-letters`).then((one) => one.json());
    const letters = await eventually(async () => {
      const { deadLetters } = (await dead()) as { deadLetters: readonly { id: string }[] };
      return deadLetters.length > 0 && deadLetters;
    }, 'the dead letter');
    const letter = await fetch(`${guestbook.url}/operations/dead-letters/${letters[0]!.id}`);
    const text = await letter.text();
    expect(text).toContain('Ada tripped over the carpet');
    expect(text).toContain(`guestbook.fixture.ts:${LINE}:`);
    expect(text).not.toContain('guestbook.fixture.js');
    expect(guestbook.service.output).toContain(`guestbook.fixture.ts:${LINE}:`);
  } finally {
    await guestbook.stop();
  }
});
