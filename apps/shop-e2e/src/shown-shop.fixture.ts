import { Authentication } from '../../gateway/src/authentication';
import { startGateway } from './gateway.fixture';
import { Shop } from './shop.fixture';
import type { Service } from './stage';

/** Nobody logs in: callers are guests. */
const ISSUER = { name: 'https://nobody.invalid', audience: 'shop', keys: 'https://nobody.invalid' };

/** The whole shop with its gateway, where every order is a guest's: for checks of its page. */
export class ShownShop {
  private constructor(
    private readonly shop: Shop,
    readonly url: string,
  ) {}

  static async open(): Promise<ShownShop> {
    const shop = await Shop.open();
    const authentication = new Authentication(ISSUER);
    const url = await startGateway(shop.harness, {
      providers: [{ provide: Authentication, useValue: authentication }],
    });
    return new ShownShop(shop, url);
  }

  /** Lets virtual time pass: retries and parcels need it. */
  advance(): Promise<void> {
    return this.shop.harness.advance('15s');
  }

  away(service: Service): Promise<void> {
    return this.shop.away(service);
  }

  back(service: Service): Promise<void> {
    return this.shop.back(service);
  }

  close(): Promise<void> {
    return this.shop.close();
  }
}
