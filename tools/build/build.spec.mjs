import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { inputs } from './build.mjs';

const FOR_TESTS = /\.(spec|fixture|trial|test-d)(\.ts)?$/;
const IMPORTED = /(?:from|import\() ?'([^']+)'/g;

describe('the build', () => {
  it('ships nothing that only tests start', async () => {
    const files = await inputs(false);
    assert.ok(files.includes('apps/orders/src/main.ts'));
    assert.deepEqual(
      files.filter((file) => FOR_TESTS.test(file)),
      [],
    );
  });

  it('has all that it ships: no file imports one of a test', async () => {
    const wrong = (await inputs(false))
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) =>
        [...fs.readFileSync(file, 'utf8').matchAll(IMPORTED)]
          .filter(([, name = '']) => FOR_TESTS.test(name))
          .map(([, name]) => `${file} imports ${name}`),
      );
    assert.deepEqual(wrong, []);
  });

  it('has the fixtures for those who start processes from it', async () => {
    const files = await inputs(true);
    for (const needed of [
      'libs/parley/transports/postgres/src/crash.fixture.ts',
      'libs/parley/transports/postgres/src/poison.fixture.ts',
      'libs/parley/service/src/failing-start.fixture.ts',
    ])
      assert.ok(files.includes(needed), needed);
  });
});
