// The edge's own promises to its clients, as files: apps/gateway/openapi.json and schema.graphql.
// They are made from the code; a change that breaks clients is refused, as for contracts.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from '../build/build.mjs';
import { messageOf } from '../terminal/errors.mjs';
import { withdrawnIn } from './withdrawn.mjs';
import { readIfThere, readInBase } from './written-files.mjs';

/** @import { ContractSchema } from '../../libs/parley/contract/src/index.js' */
/** @import { ContractKit } from './contract-sources.mjs' */
/** @import { GeneratedFile } from './written-files.mjs' */
/** @typedef {Record<string, any>} Json */

const HOME = 'apps/gateway';
const OPENAPI = `${HOME}/openapi.json`;
const GRAPHQL = `${HOME}/schema.graphql`;
const WITHDRAWN = `${HOME}/withdrawn.json`;
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

const root = path.resolve(import.meta.dirname, '../..');
const require = createRequire(import.meta.url);
/** @param {string} file */
const load = (file) => require(path.join(root, 'dist', HOME, 'src', file));

/**
 * The documents as they should be, and sentences about clients that a change would break. A tree
 * without an edge has none; where the edge cannot be compiled or loaded, this is the problem.
 * @param {ContractKit} kit
 * @param {string} [base] a revision that promised what must be kept; without it, the files here
 * @returns {Promise<{ files: GeneratedFile[], problems: string[] }>}
 */
export async function edgeDocuments(kit, base) {
  if (!fs.existsSync(`${HOME}/src/app.module.ts`)) return { files: [], problems: [] };
  const documents = await made().catch(messageOf);
  if (typeof documents === 'string')
    return { files: [], problems: [`${HOME} cannot be described: ${documents}`] };
  const files = Object.entries(documents).map(([file, text]) => ({
    file,
    text,
    says: 'is not as the edge is',
  }));
  /** @param {string} file */
  const before = (file) => (base ? readInBase(base, file) : readIfThere(file));
  return { files, problems: edgeBreaks(kit, documents, before) };
}

/** @returns {Promise<Record<string, string>>} texts by file */
async function made() {
  await build();
  const { printSchema } = require('graphql');
  const { edgeSchema } = load('graphql/schema.js');
  return { [OPENAPI]: await openApi(), [GRAPHQL]: `${printSchema(edgeSchema())}\n` };
}

/** The description of an edge with authentication; nothing of it runs but Nest's wiring. */
async function openApi() {
  const { NestFactory } = require('@nestjs/core');
  const { FastifyAdapter } = require('@nestjs/platform-fastify');
  const { Messenger } = require(path.join(root, 'dist/libs/parley/messaging/src/index.js'));
  const { AppModule } = load('app.module.js');
  const { edgeDescription } = load('openapi.js');
  /** @param {any} provider */
  const standIn = (provider) => ({ provide: provider.provide ?? provider, useValue: {} });
  const module = {
    module: class Described {},
    controllers: Reflect.getMetadata('controllers', AppModule),
    providers: [...Reflect.getMetadata('providers', AppModule), Messenger].map(standIn),
  };
  const app = await NestFactory.create(module, new FastifyAdapter(), {
    logger: false,
    abortOnError: false,
  });
  return `${JSON.stringify(edgeDescription(app), null, 2)}\n`;
}

/**
 * Sentences about clients that a change would break.
 * @param {ContractKit} kit
 * @param {Record<string, string>} now
 * @param {(file: string) => string | undefined} before the files as they were promised
 * @returns {string[]}
 */
export function edgeBreaks(kit, now, before) {
  const [openapi, graphql] = [before(OPENAPI), before(GRAPHQL)];
  const breaks = [
    ...(openapi ? openApiBreaks(kit, JSON.parse(openapi), JSON.parse(now[OPENAPI] ?? '{}')) : []),
    ...(graphql ? graphqlBreaks(graphql, now[GRAPHQL] ?? '') : []),
  ];
  const withdrawn = withdrawnIn(WITHDRAWN);
  return breaks
    .filter(([promise]) => !withdrawn.has(promise))
    .map(
      ([promise, what]) =>
        `${promise}: ${what}. Clients rely on it: keep it beside what is new, or say why in ${WITHDRAWN}, as "${promise}".`,
    );
}

/**
 * @param {string} before
 * @param {string} now
 * @returns {[promise: string, what: string][]}
 */
function graphqlBreaks(before, now) {
  const { buildSchema, findBreakingChanges } = require('graphql');
  /** @type {{ type: string, description: string }[]} */
  const changes = findBreakingChanges(buildSchema(before), buildSchema(now));
  return changes.map(({ type, description }) => [
    `graphql ${description.replace(/\.$/, '')}`,
    type.toLowerCase().replaceAll('_', ' '),
  ]);
}

/**
 * Each operation as a call: what it takes is its request, what it answers its reply.
 * @param {ContractKit} kit
 * @param {Json} before
 * @param {Json} now
 * @returns {[promise: string, what: string][]}
 */
function openApiBreaks({ breaksOf }, before, now) {
  const current = operationsIn(now);
  return [...operationsIn(before)].flatMap(([name, promised]) => {
    const operation = current.get(name);
    /** @type {[string, string][]} */
    const found = operation
      ? breaksOf(promised, operation).map(({ field, what }) => [`openapi ${name} ${field}`, what])
      : [[`openapi ${name}`, 'is gone']];
    return found;
  });
}

/**
 * @param {Json} description
 * @returns {Map<string, ContractSchema>}
 */
function operationsIn(description) {
  const entries = Object.entries(description['paths'] ?? {}).flatMap(([url, verbs]) =>
    METHODS.filter((method) => verbs[method]).map((method) => {
      const name = `${method.toUpperCase()} ${url}`;
      return /** @type {const} */ ([name, asCall(name, verbs[method], description)]);
    }),
  );
  return new Map(entries);
}

/**
 * @param {string} name
 * @param {Json} operation
 * @param {Json} description
 * @returns {ContractSchema}
 */
function asCall(name, { parameters = [], requestBody, responses }, description) {
  /** @param {Json} one */
  const schemaIn = (one) =>
    whole(Object.values(one?.['content'] ?? {})[0]?.schema ?? {}, description);
  const given = parameters.map((/** @type {Json} */ one) => [
    `${one['in']}.${one['name']}`,
    whole(one['schema'] ?? {}, description),
  ]);
  const required = parameters
    .filter((/** @type {Json} */ one) => one['required'])
    .map((/** @type {Json} */ one) => `${one['in']}.${one['name']}`);
  const properties = Object.fromEntries(
    requestBody ? [...given, ['body', schemaIn(requestBody)]] : given,
  );
  const good = Object.entries(responses).filter(([status]) => Number(status) < 400);
  const bad = Object.entries(responses).filter(([status]) => Number(status) >= 400);
  return {
    name,
    kind: 'call',
    version: 1,
    payload: {
      type: 'object',
      properties,
      required: requestBody ? [...required, 'body'] : required,
    },
    reply: {
      type: 'object',
      properties: Object.fromEntries(good.map(([status, one]) => [status, schemaIn(one)])),
    },
    errors: Object.fromEntries(bad.map(([status, one]) => [status, schemaIn(one)])),
  };
}

/**
 * A schema with its references followed; the edge's schemas do not contain themselves.
 * @param {any} schema
 * @param {Json} description
 * @returns {any}
 */
function whole(schema, description) {
  if (Array.isArray(schema)) return schema.map((one) => whole(one, description));
  if (typeof schema !== 'object' || schema === null) return schema;
  const { $ref: reference, description: _, ...rest } = schema;
  if (typeof reference === 'string') {
    const place = reference.split('/').slice(1);
    return whole(place.reduce((at, name) => at?.[name], description) ?? {}, description);
  }
  return Object.fromEntries(
    Object.entries(rest).map(([keyword, inner]) => [keyword, whole(inner, description)]),
  );
}
