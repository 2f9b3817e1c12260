import { Module } from '@nestjs/common';
import { ServiceModule } from '@parley/service';
import type { GraphQLSchema } from 'graphql';
import { Authentication } from './authentication';
import { BroadcastsController } from './broadcasts.controller';
import { Callers } from './callers';
import { environment, issuerOf } from './config';
import { CustomerOrders } from './customer-orders';
import { GuestTokens } from './guest-tokens';
import { GraphqlController } from './graphql/graphql.controller';
import { GraphqlEdge, SCHEMA } from './graphql/graphql-edge';
import { edgeSchema } from './graphql/schema';
import { GraphqlSettings, settingsOf } from './graphql/settings';
import { GraphqlSockets } from './graphql/sockets';
import { ClientLimits } from './limits/client-limits';
import { PageOrigins } from './limits/cross-origin';
import { storeAt } from './limits/limiter-store';
import { RateLimits } from './limits/rate-limits';
import { Streams } from './limits/streams';
import { OrderFeed } from './order-feed';
import { OrdersController } from './orders.controller';
import { Prices } from './prices';
import { ProductsController } from './products.controller';

const {
  RATE_LIMIT_READS: reads,
  RATE_LIMIT_WRITES: writes,
  RATE_LIMIT_URL: store,
  STREAMS_PER_CLIENT: perClient,
  STREAMS_AT_MOST: inTotal,
  CORS_ORIGINS: origins,
} = environment;

@Module({
  imports: [ServiceModule.forRoot({ service: 'gateway', environment })],
  controllers: [ProductsController, OrdersController, BroadcastsController, GraphqlController],
  providers: [
    Prices,
    OrderFeed,
    CustomerOrders,
    Callers,
    ClientLimits,
    {
      provide: RateLimits,
      useFactory: () =>
        new RateLimits({ reads, writes }, store === undefined ? undefined : storeAt(store)),
    },
    { provide: PageOrigins, useFactory: () => new PageOrigins(origins) },
    { provide: Streams, useFactory: () => new Streams({ perClient, inTotal }) },
    { provide: GuestTokens, useFactory: () => GuestTokens.from(environment) },
    GraphqlEdge,
    GraphqlSockets,
    { provide: SCHEMA, useFactory: edgeSchema },
    {
      provide: GraphqlSettings,
      useFactory: (schema: GraphQLSchema) => settingsOf(environment, schema),
      inject: [SCHEMA],
    },
    { provide: Authentication, useFactory: () => new Authentication(issuerOf(environment)) },
  ],
})
export class AppModule {}
