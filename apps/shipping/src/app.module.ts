import { Module } from '@nestjs/common';
import { ServiceModule } from '@parley/service';
import { DataSource } from 'typeorm';
import { environment } from './config';
import { CreateParcel1790000500000 } from './migrations/1790000500000-create-parcel';
import { Pace, ParcelController } from './parcel.controller';
import { ParcelStore, SqlParcelStore } from './parcel.store';

@Module({
  imports: [
    ServiceModule.forRoot({
      service: 'shipping',
      environment,
      migrations: [CreateParcel1790000500000],
      ownCopies: 'shipping.parcel: city and country; shipping.label: the label as PDF',
    }),
  ],
  controllers: [ParcelController],
  providers: [
    {
      provide: ParcelStore,
      useFactory: ({ manager }: DataSource) => new SqlParcelStore(manager),
      inject: [DataSource],
    },
    { provide: Pace, useValue: new Pace(environment.PARCEL_STEP) },
  ],
})
export class AppModule {}
