import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Fleet } from '@parley/cli';
import { Messenger } from '@parley/messaging';
import { AuditTrail, OperationsAccess, readEnvironment } from '@parley/service';
import { InstanceOnTrial } from '../../../libs/parley/cli/src/fleet/instance.fixture';
import { IssuerOnTrial } from '../../../libs/parley/operations/src/issuer.fixture';
import { guard } from './access';
import { AppModule } from './app.module';
import { takeTelemetry } from './messages/ingestion';
import { MessageKeeper } from './messages/message-keeper';
import { servePage } from './page';

const TOKEN = 'a-token-of-operators';

interface Route {
  readonly method: string;
  readonly path: string;
}

/** Of the page, which has no data: anybody may load it, to log in. */
const PAGE = ['/', '/*', '/assets/*'];

describe('operators at the console', () => {
  let app: NestFastifyApplication;
  let issuer: IssuerOnTrial;
  let orders: InstanceOnTrial;
  let url: string;
  const routes: Route[] = [];
  const asked: (string | undefined)[] = [];
  const logged: object[] = [];

  beforeAll(async () => {
    issuer = await IssuerOnTrial.start();
    const keeper = new MessageKeeper(
      { DATABASE_URL: undefined, INSTANCE: 'console-1', MESSAGES_KEPT: 1, MESSAGES_KEPT_MB: 0 },
      { write: () => undefined },
    );
    orders = await InstanceOnTrial.start(({ headers }) => {
      asked.push(headers.authorization);
      return { status: 202, body: { replayed: true } };
    });
    const providers = [
      {
        provide: Fleet,
        useValue: new Fleet(() => ({ orders: [orders.url] }), 1_000, TOKEN),
      },
      { provide: Messenger, useValue: { call: async () => ({}) } },
      { provide: MessageKeeper, useValue: keeper },
    ];
    const controllers = Reflect.getMetadata('controllers', AppModule) as [];
    app = await NestFactory.create<NestFastifyApplication>(
      { module: class ConsoleUnderTest {}, controllers, providers },
      new FastifyAdapter(),
      { logger: false },
    );
    app
      .getHttpAdapter()
      .getInstance()
      .addHook('onRoute', ({ method, url: path }) => {
        for (const one of [method].flat()) routes.push({ method: one, path });
      });
    const { name, audience, keys } = issuer.settings;
    const environment = readEnvironment({
      OPERATIONS_TOKEN: TOKEN,
      OPERATORS_ISSUER: name,
      OPERATORS_AUDIENCE: audience,
      OPERATORS_JWKS_URL: keys,
    });
    const audit = new AuditTrail((_, details) => void logged.push(details));
    guard(app, new OperationsAccess(environment), audit);
    takeTelemetry(app, keeper);
    servePage(app, __dirname);
    await app.listen(0, '127.0.0.1');
    url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    await app.close();
    await orders.stop();
    await issuer.close();
  });

  const bearer = (roles?: string[]) => issuer.bearer('ada', { roles });
  /** Sent by node:http, because fetch sends no TRACE. */
  const ask = async ({ method, path }: Route, authorization?: string) => {
    const asked = request(`${url}${path.replaceAll(/:\w+|\*/g, 'orders')}`, {
      method,
      headers: authorization === undefined ? {} : { authorization },
    }).end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.resume();
    return { status: response.statusCode! };
  };
  const isRead = ({ method }: Route) => ['GET', 'HEAD'].includes(method);

  it('are asked for their role by every route of the router', async () => {
    expect(routes.filter((route) => !isRead(route)).length).toBeGreaterThan(5);
    const [roleless, viewer] = [await bearer(), await bearer(['viewer'])];
    const asking = routes.filter(({ path }) => !PAGE.includes(path));
    expect(routes.length - asking.length).toBe(6); // GET and HEAD of each
    for (const route of asking) {
      expect([route, (await ask(route)).status]).toEqual([route, 401]);
      expect([route, (await ask(route, 'Bearer guess')).status]).toEqual([route, 401]);
      expect([route, (await ask(route, roleless)).status]).toEqual([route, 403]);
      const { status } = await ask(route, viewer);
      if (isRead(route)) expect([401, 403]).not.toContain(status);
      else expect([route, status]).toEqual([route, 403]);
    }
  });

  it('pass their own token on with a change, and are noted with its result', async () => {
    const [operator, replay] = [await bearer(['operator']), '/api/dead-letters/orders/7/replay'];
    asked.length = logged.length = 0;
    expect((await ask({ method: 'POST', path: replay }, operator)).status).toBe(202);
    expect(asked).toEqual([operator]);
    expect((await ask({ method: 'POST', path: replay }, await bearer(['viewer']))).status).toBe(
      403,
    );
    const common = { who: 'ada', proven: true, method: 'POST', path: replay, from: '127.0.0.1' };
    expect(logged).toEqual([
      { audit: { ...common, at: expect.any(Date), role: 'operator', status: 202 } },
      { audit: { ...common, at: expect.any(Date), role: 'viewer', status: 403 } },
    ]);
  });
});
