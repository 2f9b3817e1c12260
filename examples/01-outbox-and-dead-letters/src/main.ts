import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { startMessaging } from '@parley/messaging';
import { AppModule } from './app.module.js';
import { port } from './config.js';

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule);
  app.enableShutdownHooks(); // SIGTERM: what is being handled is handled to its end
  await startMessaging(app);
  await app.listen(port, '127.0.0.1');
  console.log(`ready at ${await app.getUrl()}`);
}

void main();
