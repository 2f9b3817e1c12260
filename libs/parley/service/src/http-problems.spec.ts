import type { AddressInfo } from 'node:net';
import { Body, Controller, Get, Logger, Module, Post, Query } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { InvalidMessageError, OutageError } from '@parley/messaging';
import { z } from 'zod';
import { answerProblems, ProblemFilter } from './http-problems';
import { problem } from './problem';

const Thing = z.object({ name: z.string(), sizes: z.array(z.int()) });

class CupboardAway extends OutageError {
  override readonly effect = 'none';
}

class Custom extends Error {}

@Controller('things')
class ThingsController {
  @Post()
  put(@Body({ schema: Thing }) thing: z.infer<typeof Thing>) {
    return thing;
  }

  @Post('sent')
  send() {
    throw new InvalidMessageError('things.keep', [{ path: 'sizes.1', message: 'is no number' }]);
  }

  @Get()
  list(
    @Query({ schema: z.object({ limit: z.coerce.number().int().max(5) }) })
    { limit }: { limit: number },
  ) {
    return { limit };
  }

  @Get('away')
  away() {
    throw new CupboardAway('the cupboard is locked');
  }

  @Get('driver')
  driver() {
    throw new Error('ECONNREFUSED');
  }

  @Get('bug')
  bug() {
    throw new TypeError('password=secret');
  }

  @Get('custom')
  custom() {
    throw new Custom();
  }
}

@Module({ controllers: [ThingsController] })
class Things {}

describe("a service's own routes", () => {
  let app: NestFastifyApplication;
  let logged: string[];

  beforeAll(async () => {
    app = await NestFactory.create<NestFastifyApplication>(Things, new FastifyAdapter(), {
      logger: false,
    });
    const outageIn = (error: unknown) =>
      error instanceof OutageError
        ? error
        : (error as Error).message === 'ECONNREFUSED'
          ? new CupboardAway('nobody there')
          : undefined;
    answerProblems(
      app,
      new ProblemFilter({
        outageIn,
        problemOf: (error) =>
          error instanceof Custom ? problem(418, 'Short and stout') : undefined,
      }),
    );
    await app.listen(0, '127.0.0.1');
  });
  afterAll(() => app.close());
  beforeEach(() => {
    logged = [];
    for (const level of ['error', 'warn'] as const)
      jest
        .spyOn(Logger.prototype, level)
        .mockImplementation(
          (...lines: unknown[]) => void logged.push(`${level} ${JSON.stringify(lines[0])}`),
        );
  });
  afterEach(() => jest.restoreAllMocks());

  const ask = async (path: string, body?: object) => {
    const { port } = app.getHttpServer().address() as AddressInfo;
    const init = body && {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    };
    const response = await fetch(`http://127.0.0.1:${port}/things${path}`, init);
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      again: response.headers.get('retry-after'),
      body: (await response.json()) as { errors?: object[] },
    };
  };

  it('take a body that fits its schema, and refuse another by its paths', async () => {
    expect(await ask('', { name: 'tea', sizes: [1] })).toMatchObject({
      status: 201,
      body: { name: 'tea', sizes: [1] },
    });
    const { status, type, body } = await ask('', { sizes: [1, 'x'] });
    expect([status, type]).toEqual([422, 'application/problem+json; charset=utf-8']);
    expect(body.errors).toEqual([
      { field: 'name', message: expect.any(String) },
      { field: 'sizes.1', message: expect.any(String) },
    ]);
    expect((await ask('?limit=6')).body.errors).toMatchObject([{ field: 'limit' }]);
    expect(logged).toEqual([]);
  });

  it('refuse what a message would refuse', async () => {
    expect(await ask('/sent', {})).toMatchObject({
      status: 422,
      body: { errors: [{ field: 'sizes.1' }] },
    });
  });

  it('tell an outage as one, and warn once', async () => {
    for (let n = 0; n < 3; n++)
      expect(await ask('/away')).toMatchObject({
        status: 503,
        again: '1',
        body: { detail: 'Nothing was done; try again in a moment.' },
      });
    expect(await ask('/driver')).toMatchObject({ status: 503 });
    expect(logged).toEqual([
      expect.stringMatching(
        /^warn .*GET \/things\/away could not be answered: the cupboard is locked/,
      ),
      expect.stringMatching(/^warn .*\/things\/driver/),
    ]);
  });

  it('tell nothing of a bug, and log it', async () => {
    const { status, body } = await ask('/bug');
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toContain('secret');
    expect(logged).toEqual([expect.stringMatching(/^error .*GET \/things\/bug failed/)]);
  });

  it('say what the service says of its own errors', async () => {
    expect(await ask('/custom')).toMatchObject({ status: 418, body: { title: 'Short and stout' } });
  });
});
