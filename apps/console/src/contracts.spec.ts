import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '../../..');
const COPIED = [
  'tools',
  'libs/parley/contract',
  'topology.ts',
  'tsconfig.base.json',
  '.swcrc',
  'package.json',
];

const IMPORT = "import './field-numbers';\n";
const MARKET = `${IMPORT}import { call, command, event } from '@parley/contract';
import { z } from 'zod';
export const PriceTold = event('catalog.price-told', z.object({ sku: z.string(), cents: z.int() }), { key: 'sku' });
export const AskPrice = call('catalog.ask-price', { request: z.object({ sku: z.string() }), reply: z.object({ cents: z.int() }), deadline: '2s', idempotent: true });
export const TellPrice = command('catalog.tell-price', z.object({ sku: z.string() }), { key: 'sku' });
`;
const CONSUMER = `import { AskPrice, PriceTold, TellPrice } from '@contracts/catalog';
class Prices {
  @Handles(PriceTold)
  told() { this.messenger.send(TellPrice, { sku: 'a' }); return this.messenger.call(AskPrice, { sku: 'a' }); }
}
`;

/** A tree of one owner, one consumer and the tools, committed as `base`. */
let tree: string;
const at = (file: string) => join(tree, file);
const HOME = 'libs/contracts/catalog';

function put(file: string, text: string): void {
  mkdirSync(join(at(file), '..'), { recursive: true });
  writeFileSync(at(file), text);
}

const git = (...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@invalid.example', ...args], {
    cwd: tree,
    encoding: 'utf8',
  });

function contracts(...args: string[]): { readonly status: number | null; readonly out: string } {
  rmSync(at(`dist/${HOME}`), { recursive: true, force: true }); // times of files are too coarse here
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['tools/contracts/contracts.mjs', ...args],
    {
      cwd: tree,
      encoding: 'utf8',
    },
  );
  return { status, out: stdout + stderr };
}

const against = () => contracts('--check', '--base', 'base');
const write = (source: string) => put(`${HOME}/src/index.ts`, source);
const changed = (from: string | RegExp, to: string) => write(MARKET.replace(from, to));

beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), 'parley-contracts-spec-'));
  for (const path of COPIED) cpSync(join(ROOT, path), at(path), { recursive: true });
  for (const folder of ['apps', 'libs/parley/transports'])
    mkdirSync(at(folder), { recursive: true });
  writeFileSync(at('libs/parley/transports/.gitkeep'), ''); // git keeps no empty folder
  symlinkSync(join(ROOT, 'node_modules'), at('node_modules'));
  write(MARKET.replace(IMPORT, ''));
  put('apps/gateway/src/prices.ts', CONSUMER);
  put('.gitignore', 'node_modules\ndist\n');
  const first = contracts();
  // Three schemas, the OpenAPI document, the .proto file, the numbers of its fields, and the import of these.
  expect(first).toEqual({ status: 0, out: '3 contracts, 0 problems, 7 written\n' });
  expect(readFileSync(at(`${HOME}/src/index.ts`), 'utf8')).toBe(MARKET);
  git('init', '-q');
  git('add', '-A');
  git('commit', '-qm', 'base');
  git('branch', 'base');
}, 120_000);
beforeEach(() => {
  git('checkout', '-q', '-f', 'base');
  git('clean', '-qfd');
});
afterAll(() => rmSync(tree, { recursive: true, force: true }));

describe('the contract gate against a base', () => {
  it('takes what is as it was, and more', () => {
    expect(against()).toEqual({ status: 0, out: '3 contracts against base, 0 problems\n' });
    changed('cents: z.int() }), {', 'cents: z.int(), note: z.string().optional() }), {');
    expect(contracts().status).toBe(0);
    expect(against().status).toBe(0);
  });

  it('refuses a contract that was renamed and whose schema was deleted, naming its consumers', () => {
    changed("PriceTold = event('catalog.price-told'", "PriceSaid = event('catalog.price-said'");
    put('apps/gateway/src/prices.ts', CONSUMER.replaceAll('PriceTold', 'PriceSaid'));
    rmSync(at(`${HOME}/schemas/catalog.price-told.v1.json`));
    expect(contracts().status).toBe(0);
    const { status, out } = against();
    expect(out).toContain(
      'catalog.price-told v1 (event) was promised and is gone: said by catalog, handled by gateway.',
    );
    expect(status).toBe(1);
    put(
      `${HOME}/withdrawn.json`,
      JSON.stringify({ 'catalog.price-told.v1': 'no log holds one since the first of May' }),
    );
    expect(against()).toEqual({ status: 0, out: '3 contracts against base, 0 problems\n' });
  });

  it('says which schema cannot be read, here and in the base, and that it has to be restored', () => {
    const schema = `${HOME}/schemas/catalog.price-told.v1.json`;
    put(schema, '{');
    const here = against();
    expect([here.status, here.out]).toEqual([
      1,
      expect.stringMatching(
        /^libs\S+price-told\.v1\.json cannot be read \(.+\); what it promised is unknown: restore it from version control\n$/,
      ),
    ]);
    git('checkout', '-q', '--detach');
    git('add', '-A');
    git('commit', '-qm', 'broken');
    const broken = git('rev-parse', 'HEAD').trim();
    git('checkout', '-q', 'base');
    const there = contracts('--check', '--base', broken);
    expect([there.status, there.out]).toEqual([
      1,
      expect.stringContaining(`${broken}:${schema} cannot be read`),
    ]);
  });

  it('refuses a version that cannot read what was deleted, and a withdrawal without a reason', () => {
    changed("{ key: 'sku' }", "{ key: 'sku', version: 2 }");
    write(
      MARKET.replace('cents: z.int() }), {', 'euros: z.int() }), {').replace(
        "{ key: 'sku' }",
        "{ key: 'sku', version: 2 }",
      ),
    );
    rmSync(at(`${HOME}/schemas/catalog.price-told.v1.json`));
    expect(contracts().status).toBe(0);
    expect(against().out).toMatch(
      /catalog\.price-told v2 \(event\), payload\.cents: was removed since v1 \[old messages\].*handled by gateway.*Give it upcasts: \{ 1: … \}/,
    );
    put(`${HOME}/withdrawn.json`, JSON.stringify({ 'catalog.price-told.v1': '' }));
    expect(against().out).toContain(
      'withdrawn.json: catalog.price-told.v1 needs a sentence that says why',
    );
  });

  it.each([
    [
      'a shorter deadline',
      "deadline: '2s'",
      "deadline: '1ms'",
      'catalog.ask-price v1 (call), deadline: was 2000 ms, is 1 ms',
      'catalog.ask-price.v1.deadline',
    ],
    [
      'what may no longer be asked twice',
      'idempotent: true',
      'idempotent: false',
      'catalog.ask-price v1 (call), idempotent: was true',
      'catalog.ask-price.v1.idempotent',
    ],
    [
      'a key that was dropped',
      "z.object({ sku: z.string() }), { key: 'sku' }",
      'z.object({ sku: z.string() })',
      'catalog.tell-price v1 (command), key: was sku, is none',
      'catalog.tell-price.v1.key',
    ],
    [
      'another key',
      "cents: z.int() }), { key: 'sku' }",
      "cents: z.int(), shop: z.string().default('a') }), { key: 'shop' }",
      'catalog.price-told v1 (event), key: was sku, is shop',
      'catalog.price-told.v1.key',
    ],
    [
      'a break of a call under another version',
      "reply: z.object({ cents: z.int() }), deadline: '2s'",
      "reply: z.object({ euros: z.int() }), deadline: '2s', version: 2",
      'catalog.ask-price v2 (call), reply.cents: was removed',
      'catalog.ask-price.v1',
    ],
  ])('refuses a weaker promise, unless it is said why: %s', (_, from, to, says, promise) => {
    changed(from, to);

    rmSync(at(`${HOME}/schemas`), { recursive: true });
    expect(contracts().status).toBe(0);
    const { status, out } = against();
    expect(out).toContain(says);
    expect(out).toContain('gateway');
    expect(status).toBe(1);
    put(
      `${HOME}/withdrawn.json`,
      JSON.stringify({ [promise]: 'nobody waits longer than the edge does' }),
    );
    expect(against().status).toBe(0);
  });

  it('names a contract that its library does not export', () => {
    put(
      `${HOME}/src/secret.ts`,
      `import { command } from '@parley/contract';\nimport { z } from 'zod';\nexport const Hide = command('catalog.hide-price', z.object({}));\n`,
    );
    const { status, out } = contracts('--check');
    expect(out).toContain(
      `catalog.hide-price is defined, but ${HOME}/src/index.ts does not export it`,
    );
    expect(status).toBe(1);
  });

  it('writes contracts although the edge does not compile, and says so', () => {
    put('apps/gateway/src/app.module.ts', 'export class {');
    changed('cents: z.int() }), {', 'cents: z.int(), note: z.string().optional() }), {');
    const { status, out } = contracts();
    expect(out).toContain('apps/gateway cannot be described: ');
    expect(out).toContain('3 contracts, 1 problems, 1 written');
    expect(status).toBe(1);
    expect(against().out).toContain('1 problems');
  });

  it('tells in one sentence what JSON cannot carry', () => {
    changed('cents: z.int() }), {', 'cents: z.int(), at: z.date() }), {');
    const { status, out } = contracts('--check');
    expect(out).toBe(
      'catalog.price-told: payload.at is a Date; write wire.date(), or z.iso.datetime() for its text\n',
    );
    expect(status).toBe(1);
  });
});

describe('the .proto file of an owner', () => {
  const PROTO = `${HOME}/catalog.proto`;
  const proto = () => readFileSync(at(PROTO), 'utf8');
  const rewrite = (from: string, to: string) => put(PROTO, proto().replace(from, to));
  const REPLY = 'reply: z.object({ cents: z.int() })';
  const withdraw = (promise: string) =>
    put(`${HOME}/withdrawn.json`, JSON.stringify({ [promise]: 'all callers are of today' }));

  it('has a service with a method for each call', () => {
    expect(proto()).toContain('package catalog;');
    expect(proto()).toContain('rpc AskPrice(AskPriceRequest) returns (AskPriceReply)');
    expect(proto()).toContain('optional int64 cents = 1; // required');
  });

  it('keeps its numbers: new fields get new ones, whatever their place', () => {
    changed(REPLY, 'reply: z.object({ note: z.string().optional(), cents: z.int() })');
    expect(contracts('--check').out).toContain(
      `${PROTO} is not as its contracts; run npm run contracts`,
    );
    expect(contracts().status).toBe(0);
    expect(proto()).toMatch(/optional string note = 2;\n\s+optional int64 cents = 1;/);
    expect(readFileSync(at(`${HOME}/src/field-numbers.ts`), 'utf8')).toContain(
      'AskPriceReply: { note: 2, cents: 1 }',
    );
    expect(against().status).toBe(0);
  });

  it('reserves the number and the name of a removed field, and gives the number to no other', () => {
    changed(REPLY, 'reply: z.object({ euros: z.int().optional() })');
    withdraw('catalog.ask-price.v1.reply.cents');
    expect(contracts().status).toBe(0);
    expect(proto()).toMatch(/reserved 1;\n\s+reserved "cents";\n\s+optional int64 euros = 2;/);
    expect(against().status).toBe(0);
    rewrite('reserved 1;', '');
    rewrite('reserved "cents";', '');
    rewrite('euros = 2', 'euros = 1');
    expect(contracts().status).toBe(0);
    expect(against().out).toContain(
      'AskPriceReply.cents: was removed, and its number 1 and its name are not both reserved',
    );
  });

  it('refuses another type for a number, and says what to do', () => {
    changed(
      'request: z.object({ sku: z.string() })',
      'request: z.object({ sku: z.union([z.string(), z.int()]) })',
    );
    const says = `${PROTO}, AskPriceRequest.sku: is google.protobuf.Value, but was written as optional string; other programs read the old one. Give the field a new name, or restore it, or say why in ${HOME}/withdrawn.json, as "catalog.ask-price.v1.AskPriceRequest.sku".`;
    expect(contracts().out).toContain(says);
    withdraw('catalog.ask-price.v1.AskPriceRequest.sku');
    expect(contracts().status).toBe(0);
    expect(proto()).toMatch(/reserved 1;\n\s+google\.protobuf\.Value sku = 2;/);
    expect(against().status).toBe(0);
  });

  it('refuses a number that was changed in the file', () => {
    rewrite('cents = 1', 'cents = 7');
    expect(contracts('--check').out).toContain('field-numbers.ts does not fit the .proto file');
    expect(contracts().status).toBe(0);
    const { status, out } = against();
    expect(out).toContain('AskPriceReply.cents: has the number 7, but had 1');
    expect(status).toBe(1);
  });

  it('goes with the last call of its owner, and so does the OpenAPI document', () => {
    write(MARKET.replace(/export const AskPrice.*\n/, '').replace(IMPORT, ''));
    withdraw('catalog.ask-price.v1');
    rmSync(at(`${HOME}/schemas/catalog.ask-price.v1.json`));
    const { out } = contracts();
    expect(out).toContain(`${PROTO} is of an owner without calls; delete it`);
    expect(out).toContain(`${HOME}/openapi.json is of an owner without calls; delete it`);
  });
});
