import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Fleet } from '@parley/cli';
import { Messenger } from '@parley/messaging';
import { AuditTrail, OperationsAccess, readEnvironment } from '@parley/service';
import { guard } from './access';
import { FleetController } from './fleet.controller';
import { servePage } from './page';

const TOKEN = 'a-token-of-operators';

describe("the operators' page", () => {
  let app: NestFastifyApplication;
  let root: string;
  let folder: string;
  let url: string;
  const noted: string[] = [];

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'page-'));
    folder = join(root, 'built');
    writeFileSync(join(root, 'password'), 'secret');
    const providers = [
      { provide: Fleet, useValue: new Fleet(() => ({})) },
      { provide: Messenger, useValue: {} },
    ];
    app = await NestFactory.create<NestFastifyApplication>(
      { module: class ConsoleUnderTest {}, controllers: [FleetController], providers },
      new FastifyAdapter(),
      { logger: false },
    );
    const access = new OperationsAccess(readEnvironment({ OPERATIONS_TOKEN: TOKEN }));
    guard(app, access, new AuditTrail((message) => noted.push(message)));
    servePage(app, folder);
    await app.listen(0, '127.0.0.1');
    url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    mkdirSync(join(folder, 'assets'), { recursive: true });
    writeFileSync(join(folder, 'index.html'), '<!doctype html><title>the page</title>');
    writeFileSync(join(folder, 'assets', 'main-abc.js'), 'export {};');
  });
  afterAll(async () => {
    await app.close();
    rmSync(root, { recursive: true });
  });

  /** As it is spelt: `fetch` would normalize a path. */
  const raw = async (path: string, { method = 'GET', host = '' } = {}) => {
    const asked = request(url, { method, path, ...(host && { headers: { host } }) }).end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    return { status: response.statusCode, body: await text(response) };
  };

  it.each(['/', '/dead-letters/orders/7?from=2h', '/sagas', '/index.html'])(
    'is answered at %s without a token, as one document that is asked for each time',
    async (path) => {
      const response = await fetch(`${url}${path}`);
      expect([response.status, await response.text()]).toEqual([
        200,
        expect.stringContaining('the page'),
      ]);
      expect(response.headers.get('content-type')).toMatch(/^text\/html/);
      expect(response.headers.get('cache-control')).toBe('no-cache');
    },
  );

  it('runs no code of a text or of elsewhere, and is shown in no frame', async () => {
    for (const path of ['/', '/assets/main-abc.js']) {
      const { headers } = await fetch(`${url}${path}`);
      const policy = headers.get('content-security-policy')!.split('; ');
      expect(policy).toEqual(
        expect.arrayContaining([
          "default-src 'none'",
          "script-src 'self'",
          "connect-src 'self'",
          "frame-ancestors 'none'",
        ]),
      );
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
    }
  });

  it('keeps files whose names change with their content for a year', async () => {
    const response = await fetch(`${url}/assets/main-abc.js`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/javascript/);
    expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  });

  it('has no file that is not there, and none outside of its folder', async () => {
    const missing = await fetch(`${url}/assets/gone.js`);
    expect(missing.status).toBe(404);
    for (const path of [
      '/assets/../../password',
      '/assets/..%2f..%2fpassword',
      '/assets/%2e%2e/%2e%2e/password',
      `/assets/%2f${join(root, 'password')}`,
      '/../password',
    ])
      expect([path, (await raw(path)).body]).toEqual([path, expect.not.stringContaining('secret')]);
  });

  it('says in one sentence that it is not built, and is there once it is', async () => {
    rmSync(join(folder, 'index.html'));
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([
      503,
      expect.stringMatching(/^The operators' page is not built yet: npm start builds it/),
    ]);
    writeFileSync(join(folder, 'index.html'), 'built');
    expect(await (await fetch(url)).text()).toBe('built');
  });

  it('opens nothing of the API, however its path is spelt', async () => {
    for (const path of [
      '/api',
      '/api/',
      '/api/services',
      '/api/nothing',
      '/%61pi/services',
      '/%61%70%69/nothing',
    ])
      expect([path, (await raw(path)).status]).toEqual([path, 401]);
    const { status } = await fetch(`${url}/api/nothing`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    expect(status).toBe(404);
  });

  it('is answered to nobody by a foreign name, and takes no change', async () => {
    expect((await raw('/', { host: 'evil.example' })).status).toBe(421);
    expect((await raw('/', { method: 'POST' })).status).toBe(401);
    expect(noted).toEqual([expect.stringContaining('nobody POST / 401')]);
  });
});
