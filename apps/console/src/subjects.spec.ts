import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Fleet } from './fleet';
import { InstanceOnTrial } from './instance.fixture';
import { SubjectsController } from './subjects.controller';

jest.setTimeout(30_000);

const ROOT = join(__dirname, '../../..');
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
      controllers: [SubjectsController],
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

async function erase(...words: string[]) {
  const child = spawn(process.execPath, [join(ROOT, 'tools/parley.mjs'), 'erase', ...words], {
    env: { PATH: process.env['PATH'], CONSOLE_URL: url, PARLEY_OPERATOR: 'ada' },
  });
  const sent = { out: '', err: '' };
  child.stdout.on('data', (chunk) => (sent.out += chunk));
  child.stderr.on('data', (chunk) => (sent.err += chunk));
  const [code] = (await once(child, 'close')) as [number];
  return { code, ...sent };
}

describe('npm run parley -- erase', () => {
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
