// A service with routes of its own and a handler of a call, a command and an event. Specs that
// change its surroundings while it runs start it as a process of its own.
import { Controller, Module, Param, Post } from '@nestjs/common';
import { call, command, event, type Message } from '@parley/contract';
import {
  Handles,
  Messenger,
  Subscription,
  Transactions,
  type HandlerContext,
} from '@parley/messaging';
import { DataSource, type EntityManager, type MigrationInterface, type QueryRunner } from 'typeorm';
import { z } from 'zod';
import { serve, serviceEnvironment, ServiceModule } from './index';

const Guest = z.object({ name: z.string() });
const SignFor = call('guestbook.sign-for', { request: Guest, reply: Guest, deadline: '10s' });
const SignDirectly = call('guestbook.sign-directly', {
  request: Guest,
  reply: Guest,
  deadline: '10s',
});
const BowTo = command('guestbook.bow-to', Guest, { key: 'name' });
const TripOver = command('guestbook.trip-over', Guest);
const GuestCame = event('guestbook.guest-came', Guest, { key: 'name' });

const environment = serviceEnvironment();

class CreateGuest1790000000000 implements MigrationInterface {
  name = 'CreateGuest1790000000000';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('create table guest (name text, by text)');
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table guest');
  }
}

async function write(tx: Pick<EntityManager, 'query'>, name: string, by: string): Promise<void> {
  await tx.query('insert into guest values ($1, $2)', [name, by]);
}

@Controller('guests')
class GuestsController {
  constructor(
    private readonly transactions: Transactions,
    private readonly messenger: Messenger,
    private readonly dataSource: DataSource,
  ) {}

  @Post(':name')
  come(@Param('name') name: string): Promise<void> {
    return this.transactions.run(async (tx) => {
      await write(tx, name, 'route');
      await this.messenger.send(BowTo, { name });
      await this.messenger.publish(GuestCame, { name });
    });
  }

  @Post(':name/trip')
  trip(@Param('name') name: string): Promise<void> {
    return this.messenger.send(TripOver, { name });
  }

  @Post(':name/by-call')
  comeByCall(@Param('name') name: string): Promise<unknown> {
    return this.messenger.call(SignFor, { name });
  }

  /** In no transaction of the kit: its errors are those of the client library. */
  @Post(':name/directly')
  comeDirectly(@Param('name') name: string): Promise<void> {
    return write(this.dataSource, name, 'route');
  }

  @Post(':name/directly-by-call')
  comeDirectlyByCall(@Param('name') name: string): Promise<unknown> {
    return this.messenger.call(SignDirectly, { name });
  }
}

@Controller()
@Subscription('readers')
class Handlers {
  constructor(
    private readonly transactions: Transactions,
    private readonly dataSource: DataSource,
  ) {}

  @Handles(SignDirectly)
  async signDirectly(guest: Message<typeof SignDirectly>): Promise<Message<typeof SignDirectly>> {
    await write(this.dataSource, guest.name, 'call');
    return guest;
  }

  @Handles(SignFor)
  async sign(guest: Message<typeof SignFor>): Promise<Message<typeof SignFor>> {
    await this.transactions.run((tx) => write(tx, guest.name, 'call'));
    return guest;
  }

  @Handles(BowTo)
  bow({ name }: Message<typeof BowTo>, { tx }: HandlerContext<EntityManager>): Promise<void> {
    return write(tx, name, 'command');
  }

  @Handles(TripOver, { retry: { immediate: 0, delays: [] } })
  trip({ name }: Message<typeof TripOver>): never {
    throw new TypeError(`${name} tripped over the carpet`);
  }

  @Handles(GuestCame)
  note({ name }: Message<typeof GuestCame>, { tx }: HandlerContext<EntityManager>): Promise<void> {
    return write(tx, name, 'event');
  }
}

@Module({
  imports: [
    ServiceModule.forRoot({
      service: 'guestbook',
      environment,
      migrations: [CreateGuest1790000000000],
    }),
  ],
  controllers: [GuestsController, Handlers],
})
class AppModule {}

void serve(AppModule, { http: {} });
