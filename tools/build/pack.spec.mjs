// The packages as somebody else meets them: installed from their files into an empty folder, with
// the application that docs/in-your-application.md shows (tools/build/own-application), compiled
// and run as CommonJS and as ES modules, on a PostgreSQL of the tests.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { useTestPostgres } from '../database/test-postgres.mjs';
import { pack } from './pack.mjs';
import { packages, readManifest } from './packages.mjs';

/** @import { Tarball } from './pack.mjs' */
/** @typedef {{ orderId: string }} Invoice */
/** @typedef {{ id: string, key: string, contract: string, message: string }} Letter */

const root = path.resolve(import.meta.dirname, '../..');
const { dependencies = {}, devDependencies = {} } = readManifest('package.json');
/** PACK_NEST=11 tries another Nest than the repository's, PACK_TYPEORM=0.3 another TypeORM. */
const { PACK_NEST: nest, PACK_TYPEORM: typeorm = dependencies.typeorm } = process.env;

const USED = ['contract', 'resilience', 'messaging', 'postgres', 'operations', 'cli'];
const installed = [
  ...['common', 'core', 'microservices'].map(
    (name) => `@nestjs/${name}@${nest ?? dependencies[`@nestjs/${name}`]}`,
  ),
  `@nestjs/platform-express@${nest ?? '12'}`,
  `typeorm@${typeorm}`,
  ...['reflect-metadata', 'rxjs', 'zod'].map((name) => `${name}@${dependencies[name]}`),
  `@types/node@${devDependencies['@types/node']}`,
];

/**
 * Output of a program, errors included; when it fails, its own words are the reason.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv }} options
 */
async function run(program, args, options) {
  try {
    return await promisify(execFile)(program, args, { maxBuffer: 1 << 26, ...options });
  } catch (error) {
    const { stdout, stderr } = /** @type {{ stdout: string, stderr: string }} */ (error);
    const said = `${stdout}${stderr}`.trim().split('\n').slice(-40).join('\n');
    throw new Error(`${path.basename(program)} ${args.join(' ')} failed:\n${said}`);
  }
}

/**
 * Asks until the answer is as it should be: for what is handled in the background.
 * @template T
 * @param {() => Promise<T>} ask
 * @param {(answer: T) => boolean} isRight
 */
async function eventually(ask, isRight) {
  for (const until = performance.now() + 20_000; ; await sleep(100)) {
    const answer = await ask();
    if (isRight(answer)) return answer;
    if (performance.now() > until) assert.fail(`after 20 s it still is ${JSON.stringify(answer)}`);
  }
}

class Application {
  #process;
  #said = '';
  url = '';

  /**
   * @param {string} folder
   * @param {NodeJS.ProcessEnv} env
   */
  constructor(folder, env) {
    this.#process = spawn(process.execPath, ['dist/main.js'], {
      cwd: folder,
      env: { ...process.env, ...env, PORT: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process.stderr.on('data', (text) => (this.#said += text));
  }

  async ready() {
    for await (const line of createInterface({ input: this.#process.stdout })) {
      this.#said += `${line}\n`;
      this.url = /^ready at (\S+)/.exec(line)?.[1] ?? '';
      if (this.url) break;
    }
    this.#process.stdout.resume();
    if (!this.url) assert.fail(`the application did not start:\n${this.#said}`);
    return this;
  }

  /**
   * @param {string} at
   * @param {object} [body]
   * @returns {Promise<unknown>}
   */
  async ask(at, body, method = body === undefined ? 'GET' : 'POST') {
    const answer = await fetch(`${this.url}${at}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) await sleep(500); // its reason may still be on its way here
    assert.ok(answer.ok, `${method} ${at}: ${answer.status} ${text}\n${this.#said}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  /** By which signal it ended, once it was quiet: Nest sends itself the one that it was sent. */
  async stop() {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    const [code, signal] = await ended;
    return code ?? signal;
  }

  kill() {
    this.#process.kill('SIGKILL');
  }
}

describe('the packages of the kit', { timeout: 600_000 }, () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-packages-'));
  const application = path.join(folder, 'application');
  const role = `pack_${randomBytes(4).toString('hex')}`;
  /** @type {{ ADMIN_URL?: string, DATABASE_URL?: string }} */
  const env = {};
  /** @type {Tarball[]} */
  let made;
  /** @type {Awaited<ReturnType<typeof useTestPostgres>> | undefined} */
  let postgres;
  /** @type {pg.Client | undefined} */
  let admin;

  before(async () => {
    [made, postgres] = await Promise.all([pack(path.join(folder, 'packages')), useTestPostgres()]);
    fs.cpSync(path.join(import.meta.dirname, 'own-application'), application, { recursive: true });
    const files = made
      .filter(({ name }) => USED.includes(name.slice('@parley/'.length)))
      .map(({ filename }) => `../packages/${filename}`);
    await run('npm', ['init', '--yes'], { cwd: application });
    await run(
      'npm',
      [
        'install',
        '--prefer-offline',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        '--loglevel=error',
        ...files,
        ...installed,
      ],
      { cwd: application },
    );
    admin = new pg.Client({ connectionString: postgres.url });
    await admin.connect();
    await admin.query(`create role ${role} login password 'secret'`);
    await admin.query(`create database ${role}`);
    const url = new URL(postgres.url);
    url.pathname = role;
    env.ADMIN_URL = url.href;
    [url.username, url.password] = [role, 'secret'];
    env.DATABASE_URL = url.href;
  });

  after(async () => {
    if (admin) {
      await admin.query(`drop database if exists ${role} with (force)`);
      await admin.query(`drop role if exists ${role}`);
      await admin.end();
    }
    await postgres?.release();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it('are one for each library, without specs and fixtures', () => {
    assert.deepEqual(
      made.map(({ name }) => name).sort(),
      packages()
        .map(({ manifest }) => manifest.name)
        .sort(),
    );
    const files = made.flatMap(({ files }) => files.map((file) => file.path));
    assert.deepEqual(
      files.filter((file) => /\.(spec|fixture|trial|test-d)\./.test(file)),
      [],
    );
    for (const needed of ['src/sql/02-queue.sql', 'README.md', 'LICENSE', 'src/index.d.ts'])
      assert.ok(files.includes(needed), `no package has ${needed}`);
  });

  it('install their part of the database as SQL of a migration, and say what that needs', async () => {
    const words = ['parley', 'install', '--print-sql', '--service', `shop=${role}`];
    const print = () => run('npx', ['--no-install', ...words], { cwd: application });
    const database = new pg.Client({ connectionString: env.ADMIN_URL });
    await database.connect();
    await database.query(`begin; ${(await print()).stdout}; commit`);
    const { rows } = await database.query('select role, service from parley.service');
    await database.end();
    assert.deepEqual(rows, [{ role, service: 'shop' }]);
    const installedAt = path.join(application, 'node_modules/@parley/postgres');
    fs.renameSync(installedAt, `${installedAt}-away`);
    await assert.rejects(print(), /install needs the packages @parley\/postgres and pg/);
    fs.renameSync(`${installedAt}-away`, installedAt);
  });

  for (const type of ['commonjs', 'module'])
    it(`carry an application's messages, keep what fails and replay it: ${type}`, async () => {
      const manifest = path.join(application, 'package.json');
      fs.writeFileSync(
        manifest,
        JSON.stringify({ ...JSON.parse(fs.readFileSync(manifest, 'utf8')), type }),
      );
      await run(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'], {
        cwd: application,
      });
      await run(process.execPath, ['dist/install.js'], {
        cwd: application,
        env: { ...process.env, ...env },
      });

      const app = new Application(application, env);
      const invoices = () => /** @type {Promise<Invoice[]>} */ (app.ask('/invoices'));
      const deadLetters = () => /** @type {Promise<Letter[]>} */ (app.ask('/dead-letters'));
      try {
        await app.ready();
        const [small, large] = [`${type}-small`, `${type}-large`];
        await app.ask('/orders', { orderId: small, cents: 5_000 });
        await app.ask('/orders', { orderId: large, cents: 500_000 });
        /** @type {(orderId: string) => (all: Invoice[]) => boolean} */
        const hasInvoice = (orderId) => (all) => all.some((one) => one.orderId === orderId);
        await eventually(invoices, hasInvoice(small));

        await app.ask('/orders', { orderId: `${type}-larger`, cents: 600_000 });
        const letters = await eventually(deadLetters, (all) => all.length > 1);
        const letter = letters.find(({ key }) => key === large); // either may be the first to die
        const other = letters.find(({ key }) => key === `${type}-larger`);
        assert.equal(letter?.contract, 'shop.write-invoice');
        assert.equal(letter?.message, 'the printer is off');
        assert.ok(!hasInvoice(large)(await invoices()));

        await app.ask('/printer', {});
        await app.ask(`/dead-letters/${letter?.id}/replay`, {});
        await eventually(invoices, hasInvoice(large));
        /** @param {string[]} words */
        const parley = (...words) =>
          run('npx', ['--no-install', 'parley', ...words], { cwd: application });
        const list = ['dead-letters', 'list', '--json', '--url', app.url];
        const [row, ...more] = JSON.parse((await parley(...list)).stdout);
        assert.deepEqual([row.letter, more], [`shop/${other?.id}`, []]);
        assert.equal(row.message, 'the printer is off');
        await parley('dead-letters', 'replay', row.letter, '--url', app.url);
        await eventually(invoices, hasInvoice(`${type}-larger`));
        assert.deepEqual(JSON.parse((await parley(...list)).stdout), []);
        assert.deepEqual(await deadLetters(), []);
        assert.equal(await app.stop(), 'SIGTERM');
      } finally {
        app.kill();
      }
    });
});
