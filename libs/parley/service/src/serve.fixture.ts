// A whole service in one file, run as a process of its own by serve.int.spec.ts.
import { Controller, Injectable, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { command, type Message } from '@parley/contract';
import { Handles, Messenger, type HandlerContext } from '@parley/messaging';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { z } from 'zod';
import { serve, Service, serviceEnvironment, ServiceModule } from './index';

const Greet = command('greeter.greet', z.object({ name: z.string(), patient: z.boolean() }), {
  key: 'name',
});
type Greet = Message<typeof Greet>;

const environment = serviceEnvironment({
  GREET: z.string().default('Ada'),
  PATIENT: z.stringbool().default(false),
});

class CreateGreeting1790000000000 implements MigrationInterface {
  name = 'CreateGreeting1790000000000';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('create table greeting (name text)');
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table greeting');
  }
}

@Injectable()
class Greetings implements OnApplicationBootstrap {
  constructor(private readonly messenger: Messenger) {}

  /** Asked by the spec through `operations`. */
  list = () => Promise.resolve([{ name: environment.GREET }]);
  find = (name: string) => Promise.resolve(name === environment.GREET ? { name } : undefined);

  async onApplicationBootstrap(): Promise<void> {
    await this.messenger.send(Greet, { name: environment.GREET, patient: environment.PATIENT });
  }
}

@Controller()
class GreetController {
  constructor(private readonly service: Service) {}

  @Handles(Greet)
  async greet({ name, patient }: Greet, { tx }: HandlerContext): Promise<void> {
    this.service.logger.log(`greeting ${name}`);
    if (patient) await this.workBeyondTheSignal();
    await tx.query('insert into greeting values ($1)', [name]);
  }

  /** Long enough that a drain which does not wait has closed the database by then. */
  private async workBeyondTheSignal(): Promise<void> {
    while (this.service.lifecycle.phase !== 'draining')
      await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

@Module({
  imports: [
    ServiceModule.forRoot({
      service: 'greeter',
      environment,
      migrations: [CreateGreeting1790000000000],
      operations: { greetings: Greetings },
    }),
  ],
  controllers: [GreetController],
  providers: [Greetings],
})
class AppModule {}

void serve(AppModule);
