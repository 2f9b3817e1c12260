import { Module } from '@nestjs/common';
import { ServiceModule } from '@parley/service';
import { DataSource } from 'typeorm';
import { environment } from './config';
import { CreateStock1790000300000 } from './migrations/1790000300000-create-stock';
import { ShipmentsController } from './shipments.controller';
import { StockController } from './stock.controller';
import { SqlStockStore, StockStore } from './stock.store';

@Module({
  imports: [
    ServiceModule.forRoot({
      service: 'inventory',
      environment,
      migrations: [CreateStock1790000300000],
    }),
  ],
  controllers: [StockController, ShipmentsController],
  providers: [
    {
      provide: StockStore,
      useFactory: ({ manager }: DataSource) => new SqlStockStore(manager),
      inject: [DataSource],
    },
  ],
})
export class AppModule {}
