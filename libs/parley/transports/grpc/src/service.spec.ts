import { Controller, type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { call } from '@parley/contract';
import {
  CallError,
  type CallContext,
  Handles,
  Messaging,
  MessagingModule,
  type MessagingOptions,
  Messenger,
} from '@parley/messaging';
import { freePort } from '@parley/conformance';
import { z } from 'zod';
import { grpc } from './grpc';

const Quote = call('catalog.quote-price', {
  request: z.object({ sku: z.string() }),
  reply: z.object({ price: z.number(), budget: z.number(), correlation: z.string() }),
  errors: { 'unknown-sku': z.object({ sku: z.string() }) },
  deadline: '3s',
});

const ReadPrice = call('catalog.read-price', {
  request: z.object({ sku: z.string() }),
  reply: z.object({ price: z.number() }),
  deadline: '3s',
  idempotent: true,
});

@Controller()
class PricesController {
  /** Called once, by whichever instance is asked first; it never answers that question. */
  static onBreak?: (asked: PricesController) => void;

  @Handles(ReadPrice)
  async read() {
    const { onBreak } = PricesController;
    PricesController.onBreak = undefined;
    onBreak?.(this);
    if (onBreak) await new Promise(() => undefined);
    return { price: 7 };
  }

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
    await serve({ service: 'catalog', urls, listen: { host: '127.0.0.1', port } }, [
      PricesController,
    ]);
    orders = await serve({ service: 'orders', urls }, []);
  });
  afterAll(async () => {
    for (const app of apps.reverse()) await app.close();
    await orders.get(Messaging).close();
  });

  async function serve(
    options: Pick<MessagingOptions, 'service' | 'urls' | 'listen'>,
    controllers: never[] | [typeof PricesController],
  ): Promise<INestApplication> {
    const messaging = MessagingModule.forRoot({
      ...options,
      instance: `${options.service}-1`,
      build: 'test',
      technologies: [grpc],
      log: () => {},
    });
    const app = await NestFactory.create(
      { module: ServiceModule, imports: [messaging], controllers },
      new FastifyAdapter(),
      { logger: false, abortOnError: false },
    );
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
    await expect(ask('broken')).rejects.toMatchObject({
      code: 'unhandled',
      message: expect.not.stringContaining('shelf'),
    });
  });

  it('are answered by another instance when the first one breaks off in the middle, if the call is idempotent', async () => {
    const [first, second] = [await freePort(), await freePort()];
    const urls = { calls: () => `grpc://127.0.0.1:${first},127.0.0.1:${second}` };
    const instances = [
      await serve({ service: 'catalog', urls, listen: { host: '127.0.0.1', port: first } }, [
        PricesController,
      ]),
      await serve({ service: 'catalog', urls, listen: { host: '127.0.0.1', port: second } }, [
        PricesController,
      ]),
    ];
    const asking = await serve({ service: 'orders', urls }, []);
    PricesController.onBreak = (controller) =>
      void instances.find((app) => app.get(PricesController) === controller)!.close();
    const { price } = await asking.get(Messenger).call(ReadPrice, { sku: 'P-1' });
    expect(price).toBe(7);
    expect(PricesController.onBreak).toBeUndefined();
    await asking.get(Messaging).close();
  });
});
