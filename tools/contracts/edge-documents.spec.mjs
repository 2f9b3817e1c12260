// The files of the edge against changes that clients would notice.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { build } from '../build/build.mjs';
import { edgeBreaks } from './edge-documents.mjs';

/** @import { ContractKit } from './contract-sources.mjs' */
/** @typedef {{ schema: { properties: Record<string, unknown>, required: string[] } }} Body */
/** @typedef {{ content: { 'application/json': Body } }} Content */
/**
 * An operation of the edge, as far as it is changed here.
 * @typedef {object} Operation
 * @property {object[]} parameters
 * @property {Content} requestBody
 * @property {{ 200: Content, 304?: object }} responses
 */
/**
 * @typedef {{ '/orders': { get: Operation, post: Operation }, '/products'?: { get: Operation },
 * '/more'?: object }} Paths
 */

const root = path.resolve(import.meta.dirname, '../..');
const OPENAPI = 'apps/gateway/openapi.json';
const GRAPHQL = 'apps/gateway/schema.graphql';
/** @param {string} file */
const read = (file) => fs.readFileSync(path.join(root, file), 'utf8');
const promised = { [OPENAPI]: read(OPENAPI), [GRAPHQL]: read(GRAPHQL) };

describe('the documents of the edge', () => {
  /** @type {ContractKit} */
  let kit;
  before(async () => {
    await build();
    kit = createRequire(import.meta.url)(`${root}/dist/libs/parley/contract/src/index.js`);
  });
  /**
   * @param {Record<string, string>} now
   * @param {Record<string, string>} was
   */
  const breaks = (now, was = promised) => edgeBreaks(kit, now, (file) => was[file]);
  /** @param {(paths: Paths) => unknown} change */
  const withOpenApi = (change) => {
    const document = JSON.parse(promised[OPENAPI]);
    change(document.paths);
    return { ...promised, [OPENAPI]: JSON.stringify(document) };
  };
  /**
   * @param {string} from
   * @param {string} to
   */
  const withGraphql = (from, to) => {
    assert.ok(promised[GRAPHQL].includes(from));
    return { ...promised, [GRAPHQL]: promised[GRAPHQL].replace(from, to) };
  };

  it('break nobody as they are, nor where there were none', () => {
    assert.deepEqual(breaks(promised), []);
    assert.deepEqual(breaks(promised, {}), []);
  });

  it('may say more than before', () => {
    const more = withOpenApi((paths) => {
      paths['/more'] = paths['/products'];
      paths['/orders'].get.parameters.push({
        name: 'colour',
        in: 'query',
        schema: { type: 'string' },
      });
    });
    assert.deepEqual(breaks(more), []);
    assert.deepEqual(breaks(withGraphql('grams: Int!', 'grams: Int!\n  colour: String')), []);
  });

  /** @type {[what: string, change: (paths: Paths) => unknown, sentence: RegExp][]} */
  const changes = [
    [
      'a route is gone',
      (paths) => delete paths['/products'],
      /^openapi GET \/products: is gone\. .*say why in apps\/gateway\/withdrawn\.json/,
    ],
    [
      'a parameter is required',
      (paths) =>
        paths['/orders'].get.parameters.push({
          name: 'colour',
          in: 'query',
          required: true,
          schema: { type: 'string' },
        }),
      /query\.colour: was added and is required/,
    ],
    [
      'a body takes less',
      (paths) => {
        const { schema } = paths['/orders'].post.requestBody.content['application/json'];
        schema.properties.colour = { type: 'string' };
        schema.required.push('colour');
      },
      /body\.colour: was added and is required/,
    ],
    [
      'an answer says less',
      (paths) =>
        delete paths['/orders'].get.responses[200].content['application/json'].schema.properties
          .orders,
      /reply\.200\.orders: was removed/,
    ],
    [
      'a status is gone',
      (paths) => delete paths['/products']?.get.responses[304],
      /304: was removed/,
    ],
  ];
  for (const [what, change, sentence] of changes)
    it(`break clients when ${what}`, () => {
      const found = breaks(withOpenApi(change));
      assert.ok(
        found.some((one) => sentence.test(one)),
        `${found.join('\n')} ~ ${sentence}`,
      );
    });

  it('are withdrawn with a reason only', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-edge-'));
    const gone = withOpenApi((paths) => delete paths['/products']);
    /** @param {string} reason */
    const withdrawnFor = (reason) => {
      const file = path.join(folder, 'apps/gateway/withdrawn.json');
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, JSON.stringify({ 'openapi GET /products': reason }));
      return breaks(gone);
    };
    const before = process.cwd();
    process.chdir(folder);
    try {
      assert.deepEqual(withdrawnFor('no client is left, says its log'), []);
      assert.throws(() => withdrawnFor(''), /GET \/products needs a sentence that says why/);
    } finally {
      process.chdir(before);
      fs.rmSync(folder, { recursive: true });
    }
  });

  for (const [from, to, sentence] of /** @type {const} */ ([
    ['  grams: Int!\n', '', /^graphql Product\.grams was removed: field removed\./],
    ['first: Int = 50', 'first: Int! = 50\n colour: String!', /colour/],
    ['  rejected\n}', '}', /rejected was removed/],
  ]))
    it(`break clients when GraphQL has ${JSON.stringify(to)} in place of ${JSON.stringify(from)}`, () => {
      const found = breaks(withGraphql(from, to));
      assert.ok(
        found.some((one) => sentence.test(one)),
        `${found.join('\n')} ~ ${sentence}`,
      );
    });
});
