import { Body, Controller, Injectable, Module, Post } from '@nestjs/common';
import { command, event, type Message } from '@parley/contract';
import {
  type HandlerContext,
  Handles,
  MessagingModule,
  Messenger,
  Subscription,
  Transactions,
} from '@parley/messaging';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { type ServiceUnderTest, testService } from './test-service';

const WriteInvoice = command('shop.write-invoice', z.object({ orderId: z.string() }), {
  key: 'orderId',
});
type WriteInvoice = Message<typeof WriteInvoice>;
const InvoiceWritten = event('shop.invoice-written', z.object({ orderId: z.string() }), {
  key: 'orderId',
});
type InvoiceWritten = Message<typeof InvoiceWritten>;

abstract class Invoices {
  abstract write(tx: HandlerContext['tx'], orderId: string): Promise<void>;
}

@Injectable()
class InvoicesInDatabase extends Invoices {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  async write(_tx: unknown, orderId: string): Promise<void> {
    await this.dataSource.query('insert into invoice values ($1)', [orderId]);
  }
}

class InvoicesInMemory extends Invoices {
  readonly written: string[] = [];

  async write(_tx: unknown, orderId: string): Promise<void> {
    if (orderId === 'unwritable') throw new Error('the printer is off');
    this.written.push(orderId);
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
    await this.transactions.run(() => this.messenger.send(WriteInvoice, order, { delay: '1m' }));
  }
}

@Controller()
@Subscription('mails')
class InvoicesController {
  readonly mailed: string[] = [];

  constructor(
    private readonly invoices: Invoices,
    private readonly messenger: Messenger,
  ) {}

  @Handles(WriteInvoice, { retry: { immediate: 0, delays: ['5m'] } })
  async write({ orderId }: WriteInvoice, { tx }: HandlerContext): Promise<void> {
    await this.invoices.write(tx, orderId);
    await this.messenger.publish(InvoiceWritten, { orderId });
  }

  @Handles(InvoiceWritten)
  mail({ orderId }: InvoiceWritten): void {
    this.mailed.push(orderId);
  }
}

@Module({
  providers: [
    {
      provide: DataSource,
      useFactory: () =>
        new DataSource({
          type: 'postgres',
          url: 'postgres://nobody@127.0.0.1:9/none',
        }).initialize(),
    },
  ],
  exports: [DataSource],
})
class DatabaseModule {}

@Module({
  imports: [
    DatabaseModule,
    MessagingModule.forRootAsync({
      imports: [DatabaseModule],
      inject: [DataSource],
      useFactory: () => {
        throw new Error('the options of production are not made in a test');
      },
    }),
  ],
  controllers: [OrdersController, InvoicesController],
  providers: [{ provide: Invoices, useClass: InvoicesInDatabase }],
})
class AppModule {}

describe('the module of an application, in memory', () => {
  let invoices: InvoicesInMemory;
  let shop: ServiceUnderTest;

  beforeEach(async () => {
    invoices = new InvoicesInMemory();
    shop = await testService(AppModule, {
      service: 'shop',
      on: 'memory',
      overrides: [[Invoices, invoices]],
    });
  });
  afterEach(() => shop.close());

  const order = (orderId: string) =>
    shop.app
      .getHttpAdapter()
      .getInstance()
      .inject({ method: 'POST', url: '/orders', payload: { orderId } });

  it('goes the whole way, from its route to its last handler, in time that the test moves', async () => {
    expect(await order('o-1')).toMatchObject({ statusCode: 201 });
    await shop.advance('59s');
    expect(invoices.written).toEqual([]);
    await shop.advance('1s');
    expect(shop.sent(WriteInvoice)).toEqual([{ orderId: 'o-1' }]);
    expect(invoices.written).toEqual(['o-1']);
    expect(shop.sent(InvoiceWritten)).toEqual([{ orderId: 'o-1' }]);
    expect(shop.get(InvoicesController).mailed).toEqual(['o-1']);
    expect(await shop.deadLetters()).toEqual([]);
  });

  it('shows the dead letter of what fails to the end', async () => {
    await shop.send(WriteInvoice, { orderId: 'unwritable' });
    await shop.settled();
    expect(await shop.deadLetters()).toEqual([]);
    await shop.advance('5m');
    expect(await shop.deadLetters()).toMatchObject([
      { failure: { message: 'the printer is off' } },
    ]);
  });

  it('says that there is no database for a provider that was not overridden', async () => {
    const bare = await testService(AppModule, { service: 'shop', on: 'memory' });
    await bare.send(WriteInvoice, { orderId: 'o-2' });
    await bare.settled();
    await bare.advance('5m');
    expect(await bare.deadLetters()).toMatchObject([
      { failure: { message: expect.stringContaining('on memory there is no DataSource') } },
    ]);
    await bare.close();
  });
});
