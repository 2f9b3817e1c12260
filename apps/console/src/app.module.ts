import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ServiceModule } from '@parley/service';
import { CallProblemFilter } from './call-problem.filter';
import { ConcurrencyController } from './concurrency.controller';
import { environment } from './config';
import { DeadLettersController } from './dead-letters.controller';
import { Fleet } from '@parley/cli';
import { FleetController } from './fleet.controller';
import { InstancesController } from './instances.controller';
import { SubjectsController } from './subjects.controller';

@Module({
  imports: [ServiceModule.forRoot({ service: 'console', environment })],
  controllers: [
    FleetController,
    DeadLettersController,
    ConcurrencyController,
    SubjectsController,
    InstancesController,
  ],
  providers: [
    {
      provide: Fleet,
      useFactory: () =>
        new Fleet(environment.OPERATIONS_URLS, undefined, environment.OPERATIONS_TOKEN),
    },
    { provide: APP_FILTER, useClass: CallProblemFilter },
  ],
})
export class AppModule {}
