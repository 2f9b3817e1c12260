import { Module } from '@nestjs/common';
import { ServiceModule } from '@parley/service';
import { environment } from './config';
import { Fleet } from './fleet';
import { FleetController } from './fleet.controller';

@Module({
  imports: [ServiceModule.forRoot({ service: 'console', environment })],
  controllers: [FleetController],
  providers: [Fleet],
})
export class AppModule {}
