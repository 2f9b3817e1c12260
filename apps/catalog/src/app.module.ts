import { Module } from '@nestjs/common';
import { ServiceModule } from '@parley/service';
import { DataSource } from 'typeorm';
import { CatalogController } from './catalog.controller';
import { environment } from './config';
import { CreateProducts1790000200000 } from './migrations/1790000200000-create-products';
import { ProductStore, SqlProductStore } from './product.store';

@Module({
  imports: [
    ServiceModule.forRoot({
      service: 'catalog',
      environment,
      migrations: [CreateProducts1790000200000],
    }),
  ],
  controllers: [CatalogController],
  providers: [
    {
      provide: ProductStore,
      useFactory: ({ manager }: DataSource) => new SqlProductStore(manager),
      inject: [DataSource],
    },
  ],
})
export class AppModule {}
