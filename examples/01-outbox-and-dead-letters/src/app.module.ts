import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { MessagingModule, type MessagingOptions } from '@parley/messaging';
import { OperationsModule } from '@parley/operations';
import { PostgresStore } from '@parley/postgres';
import { rabbitmq } from '@parley/rabbitmq';
import { DataSource } from 'typeorm';
import { databaseUrl, rabbitmqUrl } from './config.js';
import { InvoicesController } from './invoices.controller.js';
import { CreateOrders1700000000000, InstallParley1790000000000 } from './migrations.js';
import { OperatorGuard } from './operator.guard.js';
import { Order } from './order.js';
import { OrdersController } from './orders.controller.js';

const messagingOptions = (dataSource: DataSource): MessagingOptions => ({
  service: 'shop',
  technologies: [rabbitmq],
  urls: { commands: rabbitmqUrl },
  store: new PostgresStore(dataSource, { service: 'shop' }),
});

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: databaseUrl,
      connectTimeoutMS: 10_000,
      entities: [Order],
      migrations: [CreateOrders1700000000000, InstallParley1790000000000],
      migrationsRun: true,
    }),
    TypeOrmModule.forFeature([Order]),
    MessagingModule.forRootAsync({ inject: [DataSource], useFactory: messagingOptions }),
    OperationsModule.forRoot({ path: 'operations', guards: [OperatorGuard] }),
  ],
  controllers: [OrdersController, InvoicesController],
})
export class AppModule {}
