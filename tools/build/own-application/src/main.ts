import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { Messaging } from '@parley/messaging';
import { AppModule } from './app.module.js';
import { port } from './config.js';

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule);
  const messaging = app.get(Messaging);
  messaging.attach(app); // the handlers of the controllers
  await messaging.start(); // from now on it can send
  await app.listen(port, '127.0.0.1');
  await messaging.listen(app); // from now on it handles

  process.once('SIGTERM', async () => {
    await messaging.stopConsuming();
    await messaging.drained(10_000); // what is being handled ends
    await messaging.flush(2_000); // what was sent leaves the outbox
    await app.close();
    await messaging.close();
  });
  process.stdout.write(`ready at ${await app.getUrl()}\n`);
}

void main();
