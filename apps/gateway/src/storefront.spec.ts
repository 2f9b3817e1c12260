import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { storeNothing } from './caching';
import { EdgeOnTrial } from './edge.fixture';
import { secureAnswers } from './security-headers';
import { serveStorefront } from './storefront';

describe('the storefront', () => {
  let app: NestFastifyApplication;
  let root: string;
  let folder: string;
  let url: string;

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'storefront-'));
    folder = join(root, 'built');
    writeFileSync(join(root, 'password'), 'secret');
    app = await NestFactory.create<NestFastifyApplication>(
      { module: class StorefrontUnderTest {} },
      new FastifyAdapter(),
      { logger: false },
    );
    secureAnswers(app);
    storeNothing(app);
    serveStorefront(app, folder);
    await app.listen(0, '127.0.0.1');
    url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    mkdirSync(join(folder, 'assets'), { recursive: true });
    writeFileSync(join(folder, 'index.html'), '<!doctype html><title>the shop</title>');
    writeFileSync(join(folder, 'assets', 'index-abc.js'), 'export {};');
  });
  afterAll(async () => {
    await app.close();
    rmSync(root, { recursive: true });
  });

  it('is a document that is asked for each time', async () => {
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([
      200,
      expect.stringContaining('the shop'),
    ]);
    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    expect(response.headers.get('cache-control')).toBe('no-cache');
  });

  it('keeps files whose names change with their content for a year', async () => {
    const response = await fetch(`${url}/assets/index-abc.js`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/javascript/);
    expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  });

  it('runs no code and takes no styles but its files, asks nobody else, and is shown in no frame', async () => {
    for (const path of ['/', '/assets/index-abc.js']) {
      const { headers } = await fetch(`${url}${path}`);
      expect(headers.get('content-security-policy')).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      );
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
    }
  });

  it('has no file that is not there, and none outside of its folder', async () => {
    expect((await fetch(`${url}/assets/gone.js`)).status).toBe(404);
    for (const path of [
      '/assets/../../password',
      '/assets/..%2f..%2fpassword',
      '/assets/%2e%2e%2f%2e%2e%2fpassword',
      `/assets/%2f${join(root, 'password').replaceAll('/', '%2f')}`,
      '/../password',
    ])
      expect([path, await raw(url, path)]).toEqual([path, expect.not.stringContaining('secret')]);
  });

  it('says in one sentence that it is not built, and is there once it is', async () => {
    rmSync(join(folder, 'index.html'));
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([
      503,
      expect.stringMatching(/^The storefront is not built yet: npm start builds it/),
    ]);
    writeFileSync(join(folder, 'index.html'), 'built');
    expect(await (await fetch(url)).text()).toBe('built');
  });
});

describe('the storefront at the edge', () => {
  let edge: EdgeOnTrial;
  beforeAll(async () => void (edge = await EdgeOnTrial.start()));
  afterAll(() => edge.close());

  it('takes nothing from the API: what is not there is a problem, and it is only read', async () => {
    const missing = await fetch(`${edge.url}/nothing`);
    expect([missing.status, missing.headers.get('content-type')]).toEqual([
      404,
      expect.stringContaining('application/problem+json'),
    ]);
    const file = await fetch(`${edge.url}/assets/gone.js`);
    expect([file.status, file.headers.get('content-type')]).toEqual([
      404,
      expect.stringContaining('application/problem+json'),
    ]);
    const posted = await fetch(edge.url, { method: 'POST' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});

/** As it is spelt: `fetch` would normalize a path. */
async function raw(url: string, path: string): Promise<string> {
  const asked = request(url, { path }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return text(response);
}
