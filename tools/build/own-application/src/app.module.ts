import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { MessagingModule, type MessagingOptions } from '@parley/messaging';
import { OperationsModule } from '@parley/operations';
import { postgres, PostgresStore } from '@parley/postgres';
import { DataSource } from 'typeorm';
import { databaseUrl } from './config.js';
import { DeadLettersController } from './dead-letters.controller.js';
import { InvoicesController } from './invoices.controller.js';
import { OrdersController } from './orders.controller.js';
import { Printer } from './printer.js';

@Module({
  providers: [
    {
      provide: DataSource,
      useFactory: () =>
        new DataSource({
          type: 'postgres',
          url: databaseUrl,
          connectTimeoutMS: 10_000,
        }).initialize(),
    },
  ],
  exports: [DataSource],
})
class DatabaseModule implements OnApplicationShutdown {
  constructor(private readonly dataSource: DataSource) {}

  onApplicationShutdown(): Promise<void> {
    return this.dataSource.destroy();
  }
}

const messagingOptions = (dataSource: DataSource): MessagingOptions => ({
  service: 'shop',
  build: '1.0.0',
  technologies: [postgres],
  urls: { commands: databaseUrl, events: databaseUrl, broadcasts: databaseUrl },
  store: new PostgresStore(dataSource, { service: 'shop' }),
});

@Module({
  imports: [
    DatabaseModule,
    MessagingModule.forRootAsync({
      imports: [DatabaseModule],
      inject: [DataSource],
      useFactory: messagingOptions,
    }),
    // For operators: this application listens on loopback only; else it takes guards.
    OperationsModule.forRoot({ path: 'operations', open: true }),
  ],
  controllers: [OrdersController, InvoicesController, DeadLettersController],
  providers: [Printer],
})
export class AppModule {}
