import { CqrsModule } from '@nestjs/cqrs';
import type { Duration } from '@parley/contract';
import { SagaModule } from '@parley/sagas';
import type { Harness, TestService } from '@parley/testing';
import { fulfilment } from './fulfilment.saga';
import { orderHandlers } from './order.handlers';
import { OrderStore } from './order.store';
import { MemoryOrderStore } from './order.store.memory';
import { OrdersController } from './orders.controller';
import { ReadModelController } from './read-model.controller';

/** An instance of orders, whole; the instances that are given one store are one service. */
export const startOrders = (
  harness: Harness,
  store = new MemoryOrderStore(),
  patience: Duration = '15m',
): Promise<TestService> =>
  harness.start('orders', {
    imports: [SagaModule.forRoot([fulfilment(patience)]), CqrsModule.forRoot()],
    controllers: [OrdersController, ReadModelController],
    providers: [...orderHandlers, { provide: OrderStore, useValue: store }],
  });
