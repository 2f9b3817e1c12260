import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { Service, ServiceModule } from '@parley/service';
import { CallProblemFilter } from './call-problem.filter';
import { ConcurrencyController } from './concurrency.controller';
import { environment } from './config';
import { DeadLettersController } from './dead-letters.controller';
import { Fleet } from '@parley/cli';
import { FleetController } from './fleet.controller';
import { InstancesController } from './instances.controller';
import { MessageKeeper } from './messages/message-keeper';
import { MessagesController } from './messages/messages.controller';
import { SubjectsController } from './subjects.controller';

@Module({
  imports: [ServiceModule.forRoot({ service: 'console', environment })],
  controllers: [
    FleetController,
    DeadLettersController,
    ConcurrencyController,
    SubjectsController,
    InstancesController,
    MessagesController,
  ],
  providers: [
    {
      provide: Fleet,
      useFactory: () =>
        new Fleet(environment.OPERATIONS_URLS, undefined, environment.OPERATIONS_TOKEN),
    },
    {
      provide: MessageKeeper,
      useFactory: ({ logger }: Service) => new MessageKeeper(environment, logger),
      inject: [Service],
    },
    { provide: APP_FILTER, useClass: CallProblemFilter },
  ],
})
export class AppModule {}
