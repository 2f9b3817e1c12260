import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { broadcast, command, type Message } from '@parley/contract';
import { Handles, MessagingModule, Messenger, startMessaging } from '@parley/messaging';
import { installationSql, PostgresStore } from '@parley/postgres';
import { rabbitmq } from '@parley/rabbitmq';
import { DataSource } from 'typeorm';
import { z } from 'zod';

const url = process.env['DATABASE_URL'] ?? 'postgres://postgres:postgres@127.0.0.1:5432/postgres';
const broker = process.env['RABBITMQ_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672';
const database = await new DataSource({
  type: 'postgres',
  url,
  connectTimeoutMS: 10_000,
}).initialize();
await database.query(installationSql([{ role: new URL(url).username, service: 'weather' }]));

const Reading = z.object({ station: z.string(), celsius: z.number() });
const RecordReading = command('weather.record-reading', Reading, { key: 'station' });
type RecordReading = Message<typeof RecordReading>;
const FrostWarned = broadcast('weather.frost-warned', Reading);

@Controller()
class WeatherController {
  constructor(private readonly messenger: Messenger) {}

  @Handles(RecordReading)
  async record(reading: RecordReading): Promise<void> {
    console.log(`${reading.station}: ${reading.celsius} °C`);
    if (reading.celsius < 0) await this.messenger.broadcast(FrostWarned, reading);
  }
}

@Module({
  imports: [
    MessagingModule.forRoot({
      service: 'weather',
      technologies: [rabbitmq],
      urls: { commands: broker, broadcasts: broker },
      store: new PostgresStore(database, { service: 'weather' }),
    }),
  ],
  controllers: [WeatherController],
})
class AppModule {}

const app = await NestFactory.create(AppModule);
app.enableShutdownHooks();
await startMessaging(app);
await app.listen(process.env['PORT'] ?? 3000, '127.0.0.1');
console.log(`ready at ${await app.getUrl()}`);
