import 'reflect-metadata';
import { Controller, Module, Param, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { command, type Message } from '@parley/contract';
import {
  Handles,
  MessagingModule,
  Messenger,
  startMessaging,
  UnrecoverableError,
} from '@parley/messaging';
import { installationSql, postgres, PostgresStore } from '@parley/postgres';
import { DataSource } from 'typeorm';
import { z } from 'zod';

const url = process.env['DATABASE_URL'] ?? 'postgres://postgres:postgres@127.0.0.1:5432/postgres';
const database = await new DataSource({
  type: 'postgres',
  url,
  connectTimeoutMS: 10_000,
}).initialize();
await database.query(installationSql([{ role: new URL(url).username, service: 'hello' }]));

const Greet = command('hello.greet', z.object({ name: z.string().max(20) }));
type Greet = Message<typeof Greet>;

@Controller()
class GreetingsController {
  constructor(private readonly messenger: Messenger) {}

  @Post('greetings/:name') // HTTP: stores the command, answers at once
  async ask(@Param('name') name: string): Promise<void> {
    await this.messenger.send(Greet, { name });
  }

  @Handles(Greet) // retried when it fails, also in another process when this one dies
  async greet({ name }: Greet): Promise<void> {
    if (name === 'nobody') throw new UnrecoverableError('there is nobody to greet');
    console.log(`Hello, ${name}!`);
  }
}

@Module({
  imports: [
    MessagingModule.forRoot({
      service: 'hello',
      technologies: [postgres],
      urls: { commands: url },
      store: new PostgresStore(database, { service: 'hello' }),
    }),
  ],
  controllers: [GreetingsController],
})
class AppModule {}

const app = await NestFactory.create(AppModule);
await startMessaging(app);
await app.listen(process.env['PORT'] ?? 3000, '127.0.0.1');
console.log(`ready at ${await app.getUrl()}`);
