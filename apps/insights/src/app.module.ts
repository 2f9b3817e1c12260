import { Module } from '@nestjs/common';
import { ServiceModule } from '@parley/service';
import { DataSource } from 'typeorm';
import { environment } from './config';
import { FiguresController } from './figures.controller';
import { FiguresStore, SqlFiguresStore } from './figures.store';
import { CreateFigures1790000400000 } from './migrations/1790000400000-create-figures';

@Module({
  imports: [
    ServiceModule.forRoot({
      service: 'insights',
      environment,
      migrations: [CreateFigures1790000400000],
    }),
  ],
  controllers: [FiguresController],
  providers: [
    {
      provide: FiguresStore,
      useFactory: ({ manager }: DataSource) => new SqlFiguresStore(manager),
      inject: [DataSource],
    },
  ],
})
export class AppModule {}
