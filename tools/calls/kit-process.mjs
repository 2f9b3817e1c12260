// A process that calls and answers through the whole kit, of a build in some folder.
import 'reflect-metadata';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';

/**
 * Loads parts of the kit: `messaging`, `transports/grpc`.
 * @param {string} dist
 */
export function kitIn(dist) {
  const require = createRequire(path.resolve(dist, 'libs/parley/calls.js'));
  return (/** @type {string} */ part) => require(`./${part}/src/index.js`);
}

/**
 * Starts Nest with the messaging of the kit.
 * @param {ReturnType<typeof kitIn>} kit
 * @param {object} options
 * @param {string} options.service
 * @param {any} options.technology
 * @param {(owner: string) => string} options.urlOf
 * @param {{ contract: object, port: number, answer: (request: any, context: any) => unknown }} [options.answers]
 * the call that this process answers
 * @param {readonly string[]} [options.allowed] services whose calls it answers; default: all
 */
export async function startKit(kit, { service, technology, urlOf, answers, allowed }) {
  const { Messaging, MessagingModule, Messenger } = kit('messaging');
  const messaging = MessagingModule.forRoot({
    service,
    instance: `${service}-${process.pid}`,
    build: 'calls',
    urls: { calls: urlOf },
    ...(answers && { listen: { host: '127.0.0.1', port: answers.port } }),
    technologies: [technology],
    ...(allowed && { callers: { allowed } }),
    callResilience: process.env['CALLS_RESILIENCE'] !== 'off',
    log: () => undefined,
  });
  class App {}
  Module({})(App);
  const app = await NestFactory.create(
    { module: App, imports: [messaging], controllers: answers ? [controllerOf(kit, answers)] : [] },
    new FastifyAdapter(),
    { logger: false, abortOnError: false },
  );
  app.get(Messaging).attach(app);
  await app.get(Messaging).start();
  await app.init();
  await app.startAllMicroservices();
  return { messaging: app.get(Messaging), messenger: app.get(Messenger) };
}

/**
 * A controller without the syntax of decorators, which plain JavaScript does not have.
 * @param {ReturnType<typeof kitIn>} kit
 * @param {{ contract: object, answer: (request: any, context: any) => unknown }} answers
 */
function controllerOf(kit, { contract, answer }) {
  class Answers {
    /** @param {any} request @param {any} context */
    async answer(request, context) {
      return answer(request, context);
    }
  }
  Controller()(Answers);
  const method = Object.getOwnPropertyDescriptor(Answers.prototype, 'answer');
  kit('messaging').Handles(contract)(Answers.prototype, 'answer', method);
  return Answers;
}
