// The generators, in a copy of the workspace: what they write has the format, passes lint and
// types, and its specs pass.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { COPIED } from '../test/scratch-copy.mjs';
import contract from './contract.mjs';
import saga from './saga.mjs';
import service from './service.mjs';
import technology from './technology.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const MORE = [
  'apps',
  'bench',
  'chaos',
  'docker',
  '.prettierrc',
  'eslint.config.mjs',
  'nx.json',
  'tsconfig.json',
];

/** A workspace as Nx hands it to generators, written at once. */
class Workspace {
  constructor() {
    this.root = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-generators-'));
    for (const part of [...COPIED, ...MORE])
      if (fs.existsSync(path.join(root, part)))
        fs.cpSync(path.join(root, part), this.at(part), {
          recursive: true,
          filter: (from) => path.basename(from) !== 'node_modules',
        });
    fs.symlinkSync(path.join(root, 'node_modules'), this.at('node_modules'));
  }

  /**
   * Files that were written, in order.
   * @type {string[]}
   */
  written = [];

  /** @param {string} file */
  at = (file) => path.join(this.root, file);
  /** @param {string} file */
  exists = (file) => fs.existsSync(this.at(file));
  /** @param {string} file */
  read = (file) => (this.exists(file) ? fs.readFileSync(this.at(file), 'utf8') : null);
  /**
   * @param {string} file
   * @param {string} content
   */
  write = (file, content) => {
    this.written.push(file);
    fs.mkdirSync(path.dirname(this.at(file)), { recursive: true });
    fs.writeFileSync(this.at(file), content);
  };

  /**
   * @param {string} program
   * @param {string[]} args
   * @throws with what the program wrote
   */
  async run(program, ...args) {
    try {
      const options = { cwd: this.root, maxBuffer: 1 << 26, env: ENVIRONMENT };
      const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], options);
      return stdout;
    } catch (error) {
      const { stdout, stderr } = /** @type {{ stdout: string, stderr: string }} */ (error);
      throw new Error(`${program} ${args.join(' ')} failed:\n${stdout}${stderr}`);
    }
  }

  remove() {
    fs.rmSync(this.root, { recursive: true });
  }
}

/** The generated specs that are run need no PostgreSQL. */
const ENVIRONMENT = {
  ...process.env,
  PARLEY_TEST_POSTGRES: 'postgres://127.0.0.1:1/none',
  NX_DAEMON: 'false',
};

/** Types, lint and specs of what is generated take a minute: tried when asked for. */
const skip = process.env.TRY_GENERATED ? false : 'TRY_GENERATED=1 tries it';

describe('the generators', { timeout: 900_000 }, () => {
  /** @type {Workspace} */
  let workspace;
  before(async () => {
    workspace = new Workspace();
    const outputs = [
      await service(workspace, { name: 'loyalty-points', purpose: "a customer's points" }),
      await contract(workspace, { name: 'loyalty-points.count-points', kind: 'call' }),
      await contract(workspace, { name: 'inventory.count-stock', kind: 'command', key: 'sku' }),
      await contract(workspace, { name: 'inventory.stock-counted', kind: 'event' }),
      await contract(workspace, { name: 'catalog.shop-closed', kind: 'broadcast' }),
      await saga(workspace, { name: 'points-gift', service: 'loyalty-points' }),
      await saga(workspace, { name: 'parcel-return', service: 'orders', patience: '3d' }),
    ];
    await technology(workspace, { name: 'carrier-pigeon', port: 4321 });
    await technology(workspace, { name: 'smoke', directory: 'elsewhere/smoke' });
    for (const write of outputs.slice(0, 1)) write();
  });
  after(() => workspace.remove());

  const sources = () =>
    [...new Set(workspace.written)].filter(
      (file) => /\.m?ts$/.test(file) && !file.startsWith('elsewhere/'),
    );

  it('write schemas, .proto files and containers of what they add', async () => {
    assert.ok(
      workspace.exists('libs/contracts/loyalty-points/schemas/loyalty-points.add-entry.v1.json'),
    );
    assert.match(
      workspace.read('libs/contracts/loyalty-points/loyalty-points.proto') ?? '',
      /service LoyaltyPoints \{/,
    );
    assert.match(workspace.read('docker/compose.yaml') ?? '', /loyalty-points/);
    await workspace.run('tools/contracts/contracts.mjs', '--check');
  });

  it('write code that has types', { skip }, async () => {
    const config = { extends: './tsconfig.base.json', files: sources() };
    workspace.write('tsconfig.generated.json', JSON.stringify(config));
    await workspace.run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.generated.json');
  });

  it('write code that passes lint', { skip }, async () => {
    await workspace.run('node_modules/nx/dist/bin/nx.js', 'show', 'projects');
    await workspace.run('node_modules/eslint/bin/eslint.js', ...sources());
    await workspace.run('tools/build/check-circles.mjs');
  });

  it('write specs that pass', { skip }, async () => {
    const specs = sources().filter((file) => file.endsWith('.spec.ts'));
    assert.ok(specs.length >= 8, `only ${specs.length} specs`);
    const withoutServers = specs.filter((file) => !file.endsWith('store.int.spec.ts'));
    await workspace.run('node_modules/jest/bin/jest.js', '--ci', ...withoutServers);
  });

  it('write a package that stands outside of the kit', () => {
    const { dependencies, devDependencies } = JSON.parse(
      workspace.read('elsewhere/smoke/package.json') ?? '',
    );
    assert.match(dependencies['@parley/messaging'], /^file:\.\.\/\.\.\/dist\/packages\//);
    for (const name of ['vitest', '@nestjs/core', 'zod']) assert.ok(devDependencies[name], name);
    assert.ok(!workspace.exists('elsewhere/smoke/project.json'));
  });

  /** @type {[why: string, make: () => Promise<unknown>, message: RegExp][]} */
  const refused = [
    ['a bad name', () => service(workspace, { name: 'Loyalty' }), /cannot name a service/],
    ['a service that exists', () => service(workspace, { name: 'orders' }), /apps\/orders exists/],
    [
      'a name without an owner',
      () => contract(workspace, { name: 'count-stock', kind: 'command' }),
      /write owner\.name/,
    ],
    [
      'a contract of an unknown owner',
      () => contract(workspace, { name: 'nobody.do-it', kind: 'command' }),
      /libs\/contracts\/nobody does not exist/,
    ],
    [
      'a contract that exists',
      () => contract(workspace, { name: 'inventory.reserve-stock', kind: 'command' }),
      /exports ReserveStock already/,
    ],
    [
      'a saga of an unknown service',
      () => saga(workspace, { name: 'gift', service: 'nobody' }),
      /no service "nobody"/,
    ],
    [
      'a span of time that is none',
      () => saga(workspace, { name: 'gift', service: 'orders', patience: 'soon' }),
      /"soon" is no duration/,
    ],
    ['a technology of the kit', () => technology(workspace, { name: 'sqs' }), /the kit has this/],
    [
      'a port that is none',
      () => technology(workspace, { name: 'drum', port: 70_000 }),
      /70000 is no port/,
    ],
  ];
  for (const [why, make, message] of refused)
    it(`refuse ${why}, and write nothing`, async () => {
      const before = workspace.written.length;
      await assert.rejects(make, message);
      assert.equal(workspace.written.length, before);
    });
});

describe('npx nx g', { timeout: 600_000, skip }, () => {
  /** @param {string[]} args */
  const nx = (...args) =>
    promisify(execFile)(process.execPath, ['node_modules/nx/dist/bin/nx.js', 'g', ...args], {
      cwd: root,
      env: ENVIRONMENT,
    });

  it('finds the generators, and shows what one would write', async () => {
    const { stdout } = await nx('@parley/nx:service', 'loyalty-points', '--dry-run');
    assert.match(stdout, /CREATE apps\/loyalty-points\/src\/main\.ts/);
    assert.match(stdout, /UPDATE topology\.ts/);
    assert.ok(!fs.existsSync(path.join(root, 'apps/loyalty-points')));
  });

  it('explains the options', async () => {
    const { stdout } = await nx('@parley/nx:contract', '--help');
    for (const option of ['--name', '--kind', '--key']) assert.match(stdout, new RegExp(option));
  });
});
