import { Body, Controller, Module, Post } from '@nestjs/common';
import { command, event, type Message } from '@parley/contract';
import { Handles, Messenger, Transactions, type HandlerContext } from '@parley/messaging';
import { readEnvironment, ServiceModule } from '@parley/service';
import { DataSource, type MigrationInterface, type QueryRunner } from 'typeorm';
import { z } from 'zod';
import { TemporaryDatabase } from './temporary-database';
import { type ServiceUnderTest, testService } from './test-service';

const Order = z.object({ orderId: z.string(), cents: z.int() });
const WriteInvoice = command('shop.write-invoice', Order, { key: 'orderId' });
type WriteInvoice = Message<typeof WriteInvoice>;
const InvoiceWritten = event('shop.invoice-written', Order, { key: 'orderId' });

class CreateInvoice1790000000000 implements MigrationInterface {
  name = 'CreateInvoice1790000000000';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('create table invoice (order_id text primary key, cents integer)');
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table invoice');
  }
}

@Controller('orders')
class OrdersController {
  constructor(
    private readonly transactions: Transactions,
    private readonly messenger: Messenger,
  ) {}

  @Post()
  async order(@Body() order: WriteInvoice): Promise<void> {
    await this.transactions.run(async () => {
      await this.messenger.send(WriteInvoice, order);
      if (order.cents < 0) throw new Error('rolled back');
    });
  }
}

@Controller()
class InvoicesController {
  constructor(private readonly messenger: Messenger) {}

  @Handles(WriteInvoice, { retry: { immediate: 0, delays: ['100ms'] } })
  async write(order: WriteInvoice, { tx }: HandlerContext): Promise<void> {
    await tx.query('insert into invoice values ($1, $2)', [order.orderId, order.cents]);
    await this.messenger.publish(InvoiceWritten, order);
    if (order.cents === 13) throw new Error('the printer is off');
  }
}

const adminUrl = process.env.PARLEY_TEST_POSTGRES!;

describe('the module of a service, on PostgreSQL', () => {
  let database: TemporaryDatabase;
  let shop: ServiceUnderTest;

  beforeAll(async () => {
    database = await TemporaryDatabase.create(adminUrl, 'shop');
    const environment = readEnvironment({ DATABASE_URL: database.url, LOG_LEVEL: 'fatal' });
    @Module({
      imports: [
        ServiceModule.forRoot({
          service: 'shop',
          environment,
          migrations: [CreateInvoice1790000000000],
        }),
      ],
      controllers: [OrdersController, InvoicesController],
    })
    class AppModule {}
    shop = await testService(AppModule, { service: 'shop', on: 'postgres' });
  });
  afterAll(async () => {
    await shop.close();
    await database.drop();
  });

  const order = (orderId: string, cents: number) =>
    shop.app
      .getHttpAdapter()
      .getInstance()
      .inject({ method: 'POST', url: '/orders', payload: { orderId, cents } });
  const invoices = () =>
    shop.get(DataSource).query<object[]>('select order_id, cents from invoice order by order_id');

  it('commits a route, its message and the handler in the database', async () => {
    expect(await order('o-1', 5_000)).toMatchObject({ statusCode: 201 });
    await shop.settled();
    expect(await invoices()).toEqual([{ order_id: 'o-1', cents: 5_000 }]);
    expect(shop.sent(InvoiceWritten)).toEqual([{ orderId: 'o-1', cents: 5_000 }]);
  });

  it('sends nothing of what was rolled back', async () => {
    expect(await order('o-2', -1)).toMatchObject({ statusCode: 500 });
    await shop.settled();
    expect(shop.sent(WriteInvoice)).not.toContainEqual(expect.objectContaining({ orderId: 'o-2' }));
  });

  it('waits for retries in real time, and keeps what fails to the end', async () => {
    await order('o-3', 13);
    await shop.settled();
    expect(await shop.deadLetters()).toMatchObject([
      { failure: { message: 'the printer is off', tries: 2 } },
    ]);
    expect(await invoices()).toHaveLength(1);
    expect(shop.sent(InvoiceWritten)).toHaveLength(1);
  });

  it('says that nobody can move its time', async () => {
    await expect(shop.advance('1h')).rejects.toThrow('on PostgreSQL time passes by itself');
  });
});
