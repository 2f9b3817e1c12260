import type { AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { environmentOf, Fleet, main } from '@parley/cli';
import { InstanceOnTrial } from '../../../libs/parley/cli/src/fleet/instance.fixture';
import { InstancesController } from './instances.controller';
import { SubjectsController } from './subjects.controller';

jest.setTimeout(30_000);

let instances: InstanceOnTrial[];
let app: NestFastifyApplication;
let url: string;
let erased: { by: unknown; reason: string } | undefined;

/**
 * A service that shares the one key store, and describes the data that it keeps itself; the gateway
 * has no keys.
 */
const service = (ownCopies?: string) =>
  InstanceOnTrial.start(({ method, url: path, headers }) => {
    if (!path!.startsWith('/operations/subjects/o-1'))
      return { body: { subject: 'o-2', known: false, outcome: 'unknown' } };
    if (method === 'GET')
      return {
        body: {
          subject: 'o-1',
          known: true,
          since: '2026-11-23T09:00:00.000Z',
          ...(erased && { erased: { at: 'now', who: erased.by } }),
          ownCopies,
        },
      };
    const outcome = erased ? 'erased before' : 'erased';
    erased ??= { by: headers['x-operator'], reason: '' };
    return { body: { subject: 'o-1', outcome, ownCopies } };
  });

beforeAll(async () => {
  instances = [
    await service('its table of customers'),
    await service(),
    await InstanceOnTrial.start(() => ({ status: 404, body: {} })),
  ];
  const [orders, insights, gateway] = instances.map((one) => [one.url]);
  const fleet = new Fleet(
    () => ({ orders: orders!, insights: insights!, gateway: gateway! }),
    5_000,
  );
  app = await NestFactory.create<NestFastifyApplication>(
    {
      module: class ConsoleUnderTest {},
      controllers: [SubjectsController, InstancesController],
      providers: [{ provide: Fleet, useValue: fleet }],
    },
    new FastifyAdapter(),
    { logger: false },
  );
  await app.listen(0, '127.0.0.1');
  url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
});
beforeEach(() => void (erased = undefined));
afterAll(async () => {
  await app.close();
  await Promise.all(instances.map((one) => one.stop()));
});

/** Runs the command line outside of the network of the instances. */
async function erase(...words: string[]) {
  const output = { out: '', err: '' };
  const code = await main(['erase', ...words], {
    environment: environmentOf({ CONSOLE_URL: url, PARLEY_OPERATOR: 'ada' }),
    terminal: {
      isInteractive: false,
      hasColours: false,
      print: (text) => void (output.out += `${text}\n`),
      warn: (text) => void (output.err += `${text}\n`),
      progress: () => undefined,
      ask: () => Promise.resolve(''),
      onStop: () => () => undefined,
    },
  });
  return { code, ...output };
}

describe('subjects', () => {
  const subject = () => `${url}/api/subjects/o-1`;

  it('are those of each service that has a key store', async () => {
    expect(await (await fetch(subject())).json()).toMatchObject([
      { service: 'orders', known: true, ownCopies: 'its table of customers' },
      { service: 'insights', known: true },
    ]);
  });

  it('are erased in each service, under the name of the operator', async () => {
    const headers = { 'x-operator': 'bob' };
    const response = await fetch(`${subject()}/erase`, { method: 'POST', headers });
    expect(await response.json()).toMatchObject([{ service: 'orders' }, { service: 'insights' }]);
    expect(erased).toMatchObject({ by: 'bob' });
  });
});

describe('instances behind the console', () => {
  it('have paths here', async () => {
    expect(await (await fetch(`${url}/api/instances`)).json()).toMatchObject({
      orders: ['/api/instances/orders/0/operations'],
    });
  });

  it.each([
    '/orders/1/operations/status',
    '/nobody/0/operations/status',
    '/orders/0/metrics',
    '/orders/0/operations/../metrics',
    '/orders/0/operations/%2e%2e/metrics',
    '/constructor/0/operations/status',
  ])('nothing else is passed on: %s', async (path) => {
    const before = instances[0]!.asked.length;
    expect((await fetch(`${url}/api/instances${path}`)).status).toBe(404);
    expect(instances[0]!.asked.length).toBe(before);
  });
});

describe('parley erase through the console', () => {
  it('says what is known of a subject and who keeps copies, and changes nothing, in a dry run', async () => {
    const { code, out } = await erase('o-1', '--dry-run');
    expect([code, out.split('\n').slice(0, 2)]).toEqual([
      0,
      [
        'o-1 has a key since 2026-11-23T09:00:00.000Z; erasing it makes all that messages say of it unreadable',
        'own copies, which no key erases:',
      ],
    ]);
    expect(out).toMatch(/orders .*its table of customers/);
    expect(erased).toBeUndefined();
  });

  it('must be told twice without a terminal', async () => {
    expect(await erase('o-1')).toMatchObject({
      code: 2,
      err: expect.stringContaining('This cannot be undone: say --yes.'),
    });
    expect(erased).toBeUndefined();
  });

  it('erases, under the name of who asks, and names who keeps copies', async () => {
    const { code, out } = await erase('o-1', '--yes', '--reason', 'she asked');
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(
        /^o-1 is erased; .* within a minute.\nown copies.*\n.*orders .*its table of customers\n$/,
      ),
    ]);
    expect(erased).toMatchObject({ by: 'ada' });
    expect(await erase('o-1', '--yes')).toMatchObject({
      code: 0,
      out: expect.stringContaining('o-1 was erased before.'),
    });
    expect((await erase('o-1', '--dry-run')).out).toContain('o-1 was erased now by ada');
  });

  it('knows whom nothing was said of', async () => {
    expect(await erase('o-2', '--yes')).toMatchObject({
      code: 1,
      err: 'No message says anything personal of o-2: it has no key.\n',
    });
  });
});
