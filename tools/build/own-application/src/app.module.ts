import { Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import { MessagingModule, type MessagingOptions } from '@parley/messaging';
import { postgres, PostgresStore } from '@parley/postgres';
import { hostname } from 'node:os';
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
      useFactory: () => new DataSource({ type: 'postgres', url: databaseUrl }).initialize(),
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

const logger = new Logger('Parley');

const messagingOptions = (dataSource: DataSource): MessagingOptions => ({
  service: 'shop',
  instance: `${hostname()}-${process.pid}`,
  build: '1.0.0',
  technologies: [postgres],
  urls: { commands: databaseUrl, events: databaseUrl, broadcasts: databaseUrl },
  store: new PostgresStore(dataSource, { service: 'shop' }),
  log: (level, message) => logger[level === 'info' ? 'log' : level](message),
});

@Module({
  imports: [
    DatabaseModule,
    MessagingModule.forRootAsync({
      imports: [DatabaseModule],
      inject: [DataSource],
      useFactory: messagingOptions,
    }),
  ],
  controllers: [OrdersController, InvoicesController, DeadLettersController],
  providers: [Printer],
})
export class AppModule {}
