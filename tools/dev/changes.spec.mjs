import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { askFor, takeChanges } from './changes.mjs';
import { inEmptyFolder } from './empty-folder.fixture.mjs';
import { identity } from './run-file.mjs';

inEmptyFolder(() => fs.mkdirSync('.data'));

const scale = { scale: { catalog: 3 } };

/**
 * @param {import('./changes.mjs').CarryOut} carryOut
 * @param {() => Promise<void>} body
 */
async function whileTaking(carryOut, body) {
  const server = await takeChanges(carryOut);
  await body().finally(() => server.close());
}

test('nothing runs: it says what to start', async () => {
  await assert.rejects(askFor(scale), /Parley is not running: type "npm start"/);
});

test('a start that was killed left its socket behind: nothing runs, and the next one takes its place', async () => {
  fs.writeFileSync('.data/start.sock', '');
  await assert.rejects(askFor(scale), /Parley is not running/);
  await whileTaking(
    async () => undefined,
    () => askFor(scale),
  );
});

test('a start that is not ready yet says so', async () => {
  fs.writeFileSync('.data/run.json', JSON.stringify({ launcher: identity(process.pid) }));
  await assert.rejects(askFor(scale), /not ready yet/);
  fs.rmSync('.data/run.json');
});

test('a change is carried out, and its steps are told', async () => {
  /** @type {unknown[]} */
  const seen = [];
  await whileTaking(
    async (change, say) => {
      seen.push(change);
      say('catalog-2 is ready');
    },
    () => askFor(scale, (line) => seen.push(line)),
  );
  assert.deepEqual(seen, [scale, 'catalog-2 is ready']);
});

test('one that fails is told as a mistake, and the next is carried out', async () => {
  await whileTaking(
    async ({ restart }) => {
      if (restart) throw new Error('catalog does not run here');
    },
    async () => {
      await assert.rejects(askFor({ restart: ['catalog'] }), /catalog does not run here/);
      await askFor(scale);
    },
  );
});

test('changes that come together are carried out one after the other', async () => {
  /** @type {string[]} */
  const steps = [];
  await whileTaking(
    async ({ restart }) => {
      steps.push(`${restart} begins`);
      await sleep(20);
      steps.push(`${restart} ends`);
    },
    () =>
      Promise.all([askFor({ restart: ['a'] }), askFor({ restart: ['b'] })]).then(() => undefined),
  );
  const [first, second] = steps[0] === 'a begins' ? ['a', 'b'] : ['b', 'a'];
  assert.deepEqual(
    steps,
    [first, second].flatMap((name) => [`${name} begins`, `${name} ends`]),
  );
});

test('the socket is the user’s alone', async () => {
  await whileTaking(
    async () => undefined,
    async () => assert.equal(fs.statSync('.data/start.sock').mode & 0o777, 0o600),
  );
});
