// The AsyncAPI documents of the owners, against the official schema of AsyncAPI and the contracts.
import specs from '@asyncapi/specs';
import { Ajv } from 'ajv';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { asyncApiFile } from './async-documents.mjs';
import { compileContracts, owners, promised } from './contract-sources.mjs';

/** @import { ContractKit, Promised } from './contract-sources.mjs' */
/** @typedef {Record<string, any>} Json */

const root = path.resolve(import.meta.dirname, '../..');
/** @type {[owner: string, document: Json][]} */
const documents = owners
  .map((owner) => [owner, path.join(root, asyncApiFile(owner))])
  .filter(([, file = '']) => fs.existsSync(file))
  .map(([owner = '', file = '']) => [owner, JSON.parse(fs.readFileSync(file, 'utf8'))]);

/**
 * References anywhere in a document.
 * @param {unknown} part
 * @returns {string[]}
 */
function references(part) {
  if (typeof part !== 'object' || part === null) return [];
  return Object.entries(part).flatMap(([name, inner]) =>
    name === '$ref' && typeof inner === 'string' ? [inner] : references(inner),
  );
}

/** @param {Json} document @param {string} reference */
const found = (document, reference) =>
  reference
    .replace(/^#\//, '')
    .split('/')
    .reduce((/** @type {any} */ at, name) => at?.[name.replaceAll('~1', '/')], document);

/** The schema has the one of JSON Schema within, so Ajv's own would be a second one. */
const isValid = new Ajv({
  strict: false,
  meta: false,
  validateSchema: false,
  validateFormats: false,
}).compile(specs.schemas['3.1.0']);

describe('the AsyncAPI documents of the owners', () => {
  /** @type {ContractKit} */
  let kit;
  /** @type {Promised[]} */
  let contracts;
  before(async () => {
    kit = await compileContracts();
    contracts = promised(kit).filter(({ schema }) => schema.kind !== 'call');
  });

  it('have every command, event and broadcast, each in its owner’s', () => {
    const described = documents.flatMap(([owner, { components }]) =>
      Object.keys(components.messages).map((name) => [owner, name]),
    );
    const expected = contracts.map(({ schema: { name } }) => [name.split('.')[0], name]);
    assert.deepEqual(described.sort(), expected.sort());
  });

  for (const [owner, document] of documents)
    describe(owner, () => {
      it('is AsyncAPI 3.1 by its official schema', () => {
        assert.ok(isValid(document), JSON.stringify(isValid.errors?.slice(0, 5), null, 2));
      });

      it('refers to nothing that is missing', () => {
        const all = references(document);
        assert.ok(all.length > 0);
        assert.deepEqual(
          all.filter((reference) => found(document, reference) === undefined),
          [],
        );
      });

      it('has each message in a channel, and each channel in an operation of its messages', () => {
        const { channels, operations, components } = document;
        const passing = Object.values(channels).flatMap(({ messages }) => Object.keys(messages));
        assert.deepEqual([...new Set(passing)].sort(), Object.keys(components.messages).sort());
        for (const [name, { messages }] of Object.entries(channels)) {
          const operation = Object.values(operations).find(
            ({ channel }) => channel.$ref === `#/channels/${name}`,
          );
          assert.deepEqual(
            operation?.messages.map((/** @type {Json} */ one) => one['$ref']),
            Object.keys(messages).map((one) => `#/channels/${name}/messages/${one}`),
          );
        }
      });

      it('shows examples that its schemas and the contracts accept', () => {
        const ajv = new Ajv({ strict: false, validateFormats: false });
        const hasEnvelope = ajv.compile(document['components'].schemas.Envelope);
        for (const [name, message] of Object.entries(document['components'].messages)) {
          const [example] = /** @type {Json} */ (message)['examples'];
          assert.ok(hasEnvelope(example.headers), `${name}: ${ajv.errorsText(hasEnvelope.errors)}`);
          const fits = ajv.compile(/** @type {Json} */ (message)['payload']);
          assert.ok(fits(example.payload), `${name}: ${ajv.errorsText(fits.errors)}`);
          const { success, error } = kit.contractNamed(name).payload.safeParse(example.payload);
          assert.ok(success, `${name}: ${error?.message}`);
        }
      });
    });
});
