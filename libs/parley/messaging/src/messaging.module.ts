import { Module, type DynamicModule } from '@nestjs/common';
import { HandlerRegistry } from './handlers/handler-registry';
import { Messaging } from './messaging';
import type { MessagingOptions } from './messaging-options';
import { Messenger } from './sending/messenger';
import { Transactions } from './sending/transactions';

type AsyncOptions = {
  readonly useFactory: (...dependencies: never[]) => MessagingOptions;
  readonly inject?: unknown[];
  readonly imports?: DynamicModule['imports'];
};

/**
 * Gives a service its Messenger and Transactions. Whoever starts the app calls `attach`, `start`
 * and the drain of `Messaging`.
 */
@Module({})
export class MessagingModule {
  static forRoot(options: MessagingOptions): DynamicModule {
    return this.forRootAsync({ useFactory: () => options });
  }

  static forRootAsync({ useFactory, inject = [], imports = [] }: AsyncOptions): DynamicModule {
    return {
      module: MessagingModule,
      global: true,
      imports,
      providers: [
        {
          provide: Messaging,
          useFactory: (...dependencies: never[]) => new Messaging(useFactory(...dependencies)),
          inject: inject as never[],
        },
        {
          provide: Messenger,
          useFactory: ({ messenger }: Messaging) => messenger,
          inject: [Messaging],
        },
        {
          provide: Transactions,
          useFactory: ({ transactions }: Messaging) => transactions,
          inject: [Messaging],
        },
        {
          provide: HandlerRegistry,
          useFactory: ({ registry }: Messaging) => registry,
          inject: [Messaging],
        },
      ],
      exports: [Messaging, Messenger, Transactions, HandlerRegistry],
    };
  }
}
