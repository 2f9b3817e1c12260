import { Controller, Inject, type Type } from '@nestjs/common';
import { Handles, Subscription, type HandlerContext } from '@parley/messaging';
import type { Contract } from '@parley/contract';
import type { Definition } from './definition';
import { SagaRunner } from './saga-runner';

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

function handle(prototype: object, saga: Definition, contract: Contract): void {
  const value = function (
    this: { turns: SagaRunner },
    message: object,
    { tx, envelope }: HandlerContext,
  ): Promise<void> {
    return this.turns.onMessage(tx, saga, contract, message, envelope);
  };
  Object.defineProperty(prototype, contract.name, { value, configurable: true, writable: true });
  Handles(contract)(
    prototype,
    contract.name,
    Object.getOwnPropertyDescriptor(prototype, contract.name) as never,
  );
}

const className = (name: string) =>
  `${name.replace(/(^|-)([a-z0-9])/g, (_match, _dash, letter: string) => letter.toUpperCase())}Saga`;
