import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagingModule, startMessaging } from '@parley/messaging';
import { installationSql, postgres, PostgresStore } from '@parley/postgres';
import { sagaMigrations, SagaModule } from '@parley/sagas';
import { DataSource } from 'typeorm';
import { booking } from './booking.saga.js';
import { SeatsController } from './seats.controller.js';

const url = process.env['DATABASE_URL'] ?? 'postgres://postgres:postgres@127.0.0.1:5432/postgres';
// Sagas are kept in tables of the application's own: its migrations make them.
const database = new DataSource({
  type: 'postgres',
  url,
  connectTimeoutMS: 10_000,
  migrations: [...sagaMigrations],
});
await database.initialize();
await database.query(installationSql([{ role: new URL(url).username, service: 'cinema' }]));
await database.runMigrations();

@Module({
  imports: [
    MessagingModule.forRoot({
      service: 'cinema',
      technologies: [postgres],
      urls: { commands: url, events: url },
      store: new PostgresStore(database, { service: 'cinema' }),
    }),
    SagaModule.forRoot([booking]),
  ],
  controllers: [SeatsController],
})
class AppModule {}

const app = await NestFactory.create(AppModule);
app.enableShutdownHooks();
await startMessaging(app);
await app.listen(process.env['PORT'] ?? 3000, '127.0.0.1');
console.log(`ready at ${await app.getUrl()}`);
