import { Module } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import type { Duration } from '@parley/contract';
import { SagaModule, sagaMigrations, SagaOperations } from '@parley/sagas';
import { ServiceModule } from '@parley/service';
import { DataSource } from 'typeorm';
import { environment } from './config';
import { fulfilment } from './fulfilment.saga';
import { CreateOrders1790000100000 } from './migrations/1790000100000-create-orders';
import { AddAccount1790000110000 } from './migrations/1790000110000-add-account';
import { orderHandlers } from './order.handlers';
import { OrderStore, SqlOrderStore } from './order.store';
import { OrdersController } from './orders.controller';
import { ReadModelController } from './read-model.controller';

@Module({
  imports: [
    ServiceModule.forRoot({
      service: 'orders',
      environment,
      migrations: [...sagaMigrations, CreateOrders1790000100000, AddAccount1790000110000],
      operations: { sagas: SagaOperations },
      ownCopies:
        'orders.orders.customer: name, email and address; account of orders.orders and orders.order_view; the sagas of orders (state)',
    }),
    SagaModule.forRoot([fulfilment(environment.ORDER_PATIENCE as Duration)]),
    CqrsModule.forRoot(),
  ],
  controllers: [OrdersController, ReadModelController],
  providers: [
    ...orderHandlers,
    {
      provide: OrderStore,
      useFactory: ({ manager }: DataSource) => new SqlOrderStore(manager),
      inject: [DataSource],
    },
  ],
})
export class AppModule {}
