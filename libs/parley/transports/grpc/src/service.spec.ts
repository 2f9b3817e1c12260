import { Controller, type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { call } from '@parley/contract';
import { CallError, type CallContext, Handles, Messaging, MessagingModule, type MessagingOptions, Messenger } from '@parley/messaging';
import { freePort } from '@parley/testing';
import { z } from 'zod';
import { grpc } from './grpc';

const Quote = call('catalog.quote-price', {
  request: z.object({ sku: z.string() }),
  reply: z.object({ price: z.number(), budget: z.number(), correlation: z.string() }),
  errors: { 'unknown-sku': z.object({ sku: z.string() }) },
  deadline: '3s',
});

@Controller()
class PricesController {
  @Handles(Quote)
  async quote({ sku }: { sku: string }, { deadline, envelope }: CallContext) {
    if (sku === 'none') throw new CallError(Quote, 'unknown-sku', { sku });
    if (sku === 'broken') throw new Error('the shelf fell over');
    return { price: 7, budget: deadline.budget(), correlation: envelope.correlationid };
  }
}

@Module({})
class ServiceModule {}

describe('services that talk by gRPC', () => {
  const apps: INestApplication[] = [];
  let orders: INestApplication;

  beforeAll(async () => {
    const port = await freePort();
    const urls = { calls: () => `grpc://127.0.0.1:${port}` };
    await serve({ service: 'catalog', urls, listen: { host: '127.0.0.1', port } }, [PricesController]);
    orders = await serve({ service: 'orders', urls }, []);
  });
  afterAll(async () => {
    for (const app of apps.reverse()) await app.close();
    await orders.get(Messaging).close();
  });

  async function serve(options: Pick<MessagingOptions, 'service' | 'urls' | 'listen'>, controllers: never[] | [typeof PricesController]): Promise<INestApplication> {
    const messaging = MessagingModule.forRoot({ ...options, instance: `${options.service}-1`, build: 'test', technologies: [grpc], log: () => {} });
    const app = await NestFactory.create({ module: ServiceModule, imports: [messaging], controllers }, new FastifyAdapter(), { logger: false, abortOnError: false });
    apps.push(app);
    app.get(Messaging).attach(app);
    await app.get(Messaging).start();
    await app.init();
    await app.startAllMicroservices();
    return app;
  }

  const ask = (sku: string) => orders.get(Messenger).call(Quote, { sku });

  it('answer by an ordinary controller, within the deadline of the contract', async () => {
    const { price, budget, correlation } = await ask('P-1');
    expect([price, typeof correlation]).toEqual([7, 'string']);
    expect(budget).toBeGreaterThan(0);
    expect(budget).toBeLessThanOrEqual(3_001);
  });

  it("get the contract's own error with its details", async () => {
    const error = await ask('none').catch((error: unknown) => error);
    expect(CallError.is(error, Quote, 'unknown-sku') && error.details).toEqual({ sku: 'none' });
  });

  it('are not told what broke inside', async () => {
    await expect(ask('broken')).rejects.toMatchObject({ code: 'unhandled', message: expect.not.stringContaining('shelf') });
  });
});
