import { Module, type DynamicModule } from '@nestjs/common';
import { ApplicationLife } from './application-life';
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
 * Gives a service its Messenger and Transactions. An application of your own starts messaging by
 * `startMessaging(app)`, a service by `serve` of @parley/service.
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
        ApplicationLife,
      ],
      exports: [Messaging, Messenger, Transactions, HandlerRegistry],
    };
  }
}
