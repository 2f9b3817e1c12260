import type { ModuleRef } from '@nestjs/core';
import { CommandBus } from '@nestjs/cqrs';
import type { Messenger } from '@parley/messaging';
import { SagaError } from './saga';
import type { Outgoing } from './step';

/** Dispatches a step's messages, in order, in the open transaction. */
export class SagaDispatcher {
  constructor(
    private readonly messenger: Pick<Messenger, 'send' | 'publish' | 'broadcast'>,
    private readonly modules: Pick<ModuleRef, 'get'>,
  ) {}

  async send(out: readonly Outgoing[]): Promise<void> {
    for (const outgoing of out) await this.sendOne(outgoing);
  }

  private sendOne(outgoing: Outgoing): Promise<void> {
    switch (outgoing.verb) {
      case 'send':
        return this.messenger.send(outgoing.contract, outgoing.message, outgoing.options);
      case 'publish':
        return this.messenger.publish(outgoing.contract, outgoing.message);
      case 'broadcast':
        return this.messenger.broadcast(outgoing.contract, outgoing.message);
      case 'execute':
        return this.commands(outgoing.command).execute(outgoing.command);
    }
  }

  /**
   * The service's own bus, looked up when it is needed: a saga that executes nothing needs no
   * CqrsModule.
   */
  private commands(command: object): CommandBus {
    try {
      return this.modules.get(CommandBus, { strict: false });
    } catch (cause) {
      throw new SagaError(
        `${command.constructor.name} cannot be executed: there is no CommandBus; import CqrsModule.forRoot()`,
        { cause },
      );
    }
  }
}
