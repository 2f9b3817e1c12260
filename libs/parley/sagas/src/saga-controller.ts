import { Controller, Inject, type Type } from '@nestjs/common';
import { type BatchContext, Handles, Subscription } from '@parley/messaging';
import type { Command, Event } from '@parley/contract';
import type { Definition } from './definition';
import { SagaRunner } from './saga-runner';

/** Steps that are taken in one transaction, when so many messages of a contract have arrived. */
const STEPS_AT_ONCE = 50;

/**
 * The controller of a saga: Nest scans nothing else for handlers. Its subscription is the saga's
 * name: a position, lanes and retries of its own.
 */
export function controllerOf(saga: Definition): Type {
  class SagaController {
    constructor(readonly turns: SagaRunner) {}
  }
  Object.defineProperty(SagaController, 'name', { value: className(saga.name) });
  Inject(SagaRunner)(SagaController, undefined, 0);
  for (const { contract } of saga.triggers()) handle(SagaController.prototype, saga, contract);
  Subscription(saga.name)(SagaController);
  Controller()(SagaController);
  return SagaController;
}

function handle(prototype: object, saga: Definition, contract: Command | Event): void {
  const value = function (
    this: { turns: SagaRunner },
    messages: readonly object[],
    { tx, envelopes }: BatchContext,
  ): Promise<void> {
    const arrived = messages.map((message, i) => ({ message, envelope: envelopes[i]! }));
    return this.turns.onMessages(tx, saga, contract, arrived);
  };
  Object.defineProperty(prototype, contract.name, { value, configurable: true, writable: true });
  Handles(contract, { batch: STEPS_AT_ONCE })(
    prototype,
    contract.name,
    Object.getOwnPropertyDescriptor(prototype, contract.name) as never,
  );
}

const className = (name: string) =>
  `${name.replace(/(^|-)([a-z0-9])/g, (_match, _dash, letter: string) => letter.toUpperCase())}Saga`;
