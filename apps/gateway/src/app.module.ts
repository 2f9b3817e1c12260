import { Module } from '@nestjs/common';
import { ServiceModule } from '@parley/service';
import { Authentication } from './authentication';
import { BroadcastsController } from './broadcasts.controller';
import { Callers } from './callers';
import { environment, issuerOf } from './config';
import { CustomerOrders } from './customer-orders';
import { GuestTokens } from './guest-tokens';
import { OrderFeed } from './order-feed';
import { OrdersController } from './orders.controller';
import { Prices } from './prices';
import { ProductsController } from './products.controller';

@Module({
  imports: [ServiceModule.forRoot({ service: 'gateway', environment })],
  controllers: [ProductsController, OrdersController, BroadcastsController],
  providers: [
    Prices,
    OrderFeed,
    CustomerOrders,
    Callers,
    { provide: GuestTokens, useFactory: () => GuestTokens.from(environment) },
    { provide: Authentication, useFactory: () => new Authentication(issuerOf(environment)) },
  ],
})
export class AppModule {}
