import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { GetFigures, type Figures } from '@contracts/insights';
import { ListStock, type StockLevel } from '@contracts/inventory';
import { CustomerNotified } from '@contracts/notifications';
import { GetOrder, type Order, PlaceOrder } from '@contracts/orders';
import type { ModuleMetadata } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import type { Contract } from '@parley/contract';
import { SagaModule } from '@parley/sagas';
import { Harness, type HarnessOptions, type TestService } from '@parley/testing';
import { CatalogController } from '../../catalog/src/catalog.controller';
import { ProductStore } from '../../catalog/src/product.store';
import { MemoryProductStore } from '../../catalog/src/product.store.memory';
import { products } from '../../catalog/src/products';
import { FiguresController } from '../../insights/src/figures.controller';
import { FiguresStore } from '../../insights/src/figures.store';
import { MemoryFiguresStore } from '../../insights/src/figures.store.memory';
import { shelves } from '../../inventory/src/shelves';
import { ShipmentsController } from '../../inventory/src/shipments.controller';
import { StockController } from '../../inventory/src/stock.controller';
import { StockStore } from '../../inventory/src/stock.store';
import { MemoryStockStore } from '../../inventory/src/stock.store.memory';
import type { Mail } from '../../notifications/src/mail';
import { MailStore } from '../../notifications/src/mail.store';
import { MemoryMailStore } from '../../notifications/src/mail.store.memory';
import { Mailbox } from '../../notifications/src/mailbox';
import { MailsController } from '../../notifications/src/mails.controller';
import { fulfilment } from '../../orders/src/fulfilment.saga';
import { orderHandlers } from '../../orders/src/order.handlers';
import { OrderStore } from '../../orders/src/order.store';
import { MemoryOrderStore } from '../../orders/src/order.store.memory';
import { OrdersController } from '../../orders/src/orders.controller';
import { ReadModelController } from '../../orders/src/read-model.controller';
import { Ledger, type Sums } from '../../payment-provider/src/ledger';
import { ProviderServer } from '../../payment-provider/src/server';
import { PaymentController } from '../../payments/src/payment.controller';
import { PaymentStore } from '../../payments/src/payment.store';
import { MemoryPaymentStore } from '../../payments/src/payment.store.memory';
import { PaymentProvider } from '../../payments/src/provider';
import { ProviderConnection } from '../../payments/src/provider-connection';
import { Pace, ParcelController } from '../../shipping/src/parcel.controller';
import { ParcelStore } from '../../shipping/src/parcel.store';
import { MemoryParcelStore } from '../../shipping/src/parcel.store.memory';
import { ProviderWindow } from './provider-window.fixture';
import { ASKED, SCARCE, SERVICES, type Service, type Stage, type Wish } from './stage';

/**
 * How long payments waits for its provider: longer than `tok_slow` takes. Real time, as the
 * provider is real.
 */
const PATIENCE = 2_500;
/** Real milliseconds until something must have come to rest. */
const BOUND = 20_000;

/** Keeps every mail it is handed, also the same one twice. */
class Tray extends Mailbox {
  readonly mails: Mail[] = [];

  async put(mail: Mail): Promise<void> {
    this.mails.push(mail);
  }
}

/**
 * The whole shop in this process: its controllers, rules and sagas, on memory and in virtual time.
 * Only the payment provider is another's, over HTTP.
 */
export class Shop implements Stage {
  readonly harness: Harness;
  readonly orderIds: string[] = [];
  private readonly tray = new Tray();
  private readonly running = new Map<Service, TestService>();

  private constructor(
    options: HarnessOptions,
    private readonly folder: string,
    private readonly server: ProviderServer,
    private readonly provider: ProviderWindow,
    private readonly connection: ProviderConnection,
  ) {
    this.harness = new Harness(options);
  }

  static async open(options: HarnessOptions = {}): Promise<Shop> {
    const folder = await mkdtemp(join(tmpdir(), 'shop-'));
    const server = new ProviderServer(await Ledger.open(folder));
    const url = new URL(`http://127.0.0.1:${await server.listen(0)}`);
    const shop = new Shop(
      options,
      folder,
      server,
      new ProviderWindow(url),
      new ProviderConnection(url, PATIENCE),
    );
    for (const service of SERVICES) await shop.back(service);
    return shop;
  }

  async close(): Promise<void> {
    await this.harness.close();
    this.connection.close();
    await this.server.close();
    await rm(this.folder, { recursive: true });
  }

  async back(service: Service): Promise<void> {
    this.running.set(service, await this.harness.start(service, this.parts()[service]));
  }

  /** Stops all its instances; its stored data stays. */
  async away(service: Service): Promise<void> {
    await this.running.get(service)?.stop();
    this.running.delete(service);
  }

  async restart(service: Service): Promise<void> {
    await this.harness.advance('50ms');
    await this.away(service);
    await this.harness.advance('50ms');
    await this.back(service);
  }

  async patienceEnds(): Promise<void> {
    await this.harness.advance('16m');
  }

  async askedUpTo(orderId: string, last: Contract): Promise<readonly string[]> {
    await this.someTime();
    const asked = ASKED.flatMap((contract) =>
      this.harness
        .sent(contract)
        .filter((message) => message.orderId === orderId)
        .map(() => contract.name),
    );
    if (!asked.includes(last.name))
      throw new Error(`${last.name} was not asked for, only ${asked.join(', ')}`);
    return asked;
  }

  triedInVain(): Promise<void> {
    return this.someTime();
  }

  /** More than a broker delays, and than the first retries wait. */
  private async someTime(): Promise<void> {
    await this.settled();
    await this.harness.advance('5s');
    await this.settled();
  }

  async place({
    token = 'tok_ok',
    lines = [{ sku: 'TEA-0001', quantity: 2 }],
    country = 'DE',
  }: Wish = {}): Promise<string> {
    const address = { line1: 'Gasse 1', city: 'Ulm', postcode: '89073', country };
    const customer = { name: 'Ada', email: 'ada@example.org', address };
    const { orderId } = await this.harness.call(PlaceOrder, {
      idempotencyKey: randomUUID(),
      customer,
      lines: [...lines],
      payment: { token },
    });
    this.orderIds.push(orderId);
    return orderId;
  }

  /** Lets time pass until every order has ended. */
  async finish(): Promise<void> {
    for (let waited = 0; waited < 40; waited++) {
      await this.harness.settled(BOUND);
      const orders = await this.orders();
      if (orders.every(({ status }) => status === 'delivered' || status === 'rejected'))
        return this.harness.advance('2s').then(() => this.harness.settled(BOUND));
      await this.harness.advance('15s');
    }
    throw new Error(
      `orders did not end: ${(await this.orders()).map(({ orderId, status, history }) => `${orderId} ${status} (${history.at(-1)?.what})`).join(', ')}`,
    );
  }

  private settled(): Promise<void> {
    return this.harness.settled(BOUND);
  }

  order(orderId: string): Promise<Order> {
    return this.harness.call(GetOrder, { orderId });
  }

  private orders(): Promise<Order[]> {
    return Promise.all(this.orderIds.map((orderId) => this.order(orderId)));
  }

  providerDown(down: boolean): Promise<void> {
    return this.provider.setDown(down);
  }

  captured(orderIds: readonly string[]): Promise<number> {
    return this.provider.captured(orderIds);
  }

  async expectToAddUp(): Promise<void> {
    expectToAddUp(await this.books());
  }

  private async books(): Promise<Books> {
    const { levels } = await this.harness.call(ListStock, {});
    return {
      orders: await this.orders(),
      ledger: await this.provider.sums(),
      levels,
      figures: await this.harness.call(GetFigures, {}),
      mails: this.tray.mails,
      notified: this.harness.sent(CustomerNotified).map(({ orderId }) => orderId),
      dead: (await this.harness.deadLetters()).map(
        ({ headers, failure }) => `${headers.type}: ${failure.message}`,
      ),
    };
  }

  private parts(): Record<Service, Pick<ModuleMetadata, 'imports' | 'controllers' | 'providers'>> {
    return {
      orders: {
        imports: [SagaModule.forRoot([fulfilment('15m')]), CqrsModule.forRoot()],
        controllers: [OrdersController, ReadModelController],
        providers: [...orderHandlers, { provide: OrderStore, useValue: this.stores.orders }],
      },
      catalog: {
        controllers: [CatalogController],
        providers: [{ provide: ProductStore, useValue: this.stores.products }],
      },
      inventory: {
        controllers: [StockController, ShipmentsController],
        providers: [{ provide: StockStore, useValue: this.stores.stock }],
      },
      payments: {
        controllers: [PaymentController],
        providers: [
          { provide: PaymentStore, useValue: this.stores.payments },
          { provide: PaymentProvider, useFactory: () => new PaymentProvider(this.connection) },
        ],
      },
      shipping: {
        controllers: [ParcelController],
        providers: [
          { provide: ParcelStore, useValue: this.stores.parcels },
          { provide: Pace, useValue: new Pace('10s') },
        ],
      },
      notifications: {
        controllers: [MailsController],
        providers: [
          { provide: MailStore, useValue: this.stores.mails },
          { provide: Mailbox, useValue: this.tray },
        ],
      },
      insights: {
        controllers: [FiguresController],
        providers: [{ provide: FiguresStore, useValue: this.stores.figures }],
      },
    };
  }

  /** The services' own data, which outlives their instances. */
  private readonly stores = {
    orders: new MemoryOrderStore(),
    products: new MemoryProductStore(products),
    stock: new MemoryStockStore(
      shelves.map((shelf) => (shelf.sku === SCARCE ? { ...shelf, pieces: 1 } : shelf)),
    ),
    payments: new MemoryPaymentStore(),
    parcels: new MemoryParcelStore(),
    mails: new MemoryMailStore(),
    figures: new MemoryFiguresStore(),
  };
}

/** The records of all services. */
interface Books {
  readonly orders: readonly Order[];
  readonly ledger: Sums;
  readonly levels: readonly StockLevel[];
  readonly figures: Figures;
  readonly mails: readonly Mail[];
  readonly notified: readonly string[];
  readonly dead: readonly string[];
}

/** After any faults: the money, the stock and the mails of all services add up. */
function expectToAddUp({ orders, ledger, levels, figures, mails, notified, dead }: Books): void {
  const delivered = orders.filter(({ status }) => status === 'delivered');
  const revenue = sum(delivered.map(({ total }) => total));
  const pieces = sum(delivered.flatMap(({ lines }) => lines.map(({ quantity }) => quantity)));
  expect(ledger.captured - ledger.refunded).toBe(revenue);
  expect(
    levels.filter(
      ({ initial, available, reserved, shipped }) =>
        reserved !== 0 || available < 0 || initial !== available + shipped,
    ),
  ).toEqual([]);
  expect(sum(levels.map(({ shipped }) => shipped))).toBe(pieces);
  expect([...notified].sort()).toEqual(orders.map(({ orderId }) => orderId).sort());
  expect(new Set(mails.map(({ messageId }) => messageId)).size).toBe(orders.length);
  expect(mails).toHaveLength(orders.length);
  expect(figures).toMatchObject({
    placed: orders.length,
    delivered: delivered.length,
    rejected: orders.length - delivered.length,
    underWay: 0,
    revenue,
    mails: orders.length,
  });
  expect(dead).toEqual([]);
}

const sum = (numbers: readonly number[]): number =>
  numbers.reduce((total, number) => total + number, 0);
