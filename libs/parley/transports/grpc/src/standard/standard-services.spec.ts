import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { call } from '@parley/contract';
import { HandlerRegistry } from '@parley/messaging/transport';
import { z } from 'zod';
import { GrpcCallServer } from '../server';

const Ask = call('pantry.ask-shelf', { request: z.object({}), reply: z.object({}) });
const [SERVING, NOT_SERVING, SERVICE_UNKNOWN] = [1, 2, 3];

let server: GrpcCallServer;
let client: Client;
beforeEach(async () => {
  const at = { host: '127.0.0.1', port: 0 };
  server = new GrpcCallServer(at, new HandlerRegistry('pantry'), async ({ body }) => ({
    ok: true,
    body,
  }));
  server.addHandler(Ask.name, (async () => {}) as never, false, {
    contract: Ask,
    options: {},
    handlerClass: class Shelves {},
    method: 'ask',
  });
  await new Promise<void>(
    (resolve, reject) => void server.listen((error) => (error ? reject(error) : resolve())),
  );
  client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
});
afterEach(async () => {
  client.close();
  await server.close();
});

const same = (bytes: Buffer): Buffer => bytes;
const text = (field: number, value: string): Buffer =>
  Buffer.concat([Buffer.from([(field << 3) | 2, value.length]), Buffer.from(value)]);

describe('the health service', () => {
  const check = (request: Buffer): Promise<Buffer | ServiceError> =>
    new Promise((resolve) => {
      client.makeUnaryRequest('/grpc.health.v1.Health/Check', same, same, request, (error, reply) =>
        resolve(error ?? reply!),
      );
    });
  const watch = (service: string): ClientReadableStream<Buffer> =>
    client.makeServerStreamRequest('/grpc.health.v1.Health/Watch', same, same, text(1, service));

  it('answers for the server and for each of its services', async () => {
    expect(await check(Buffer.alloc(0))).toEqual(Buffer.from([8, SERVING]));
    expect(await check(text(1, 'pantry.Pantry'))).toEqual(Buffer.from([8, SERVING]));
    expect(await check(text(1, 'cellar.Cellar'))).toMatchObject({ code: status.NOT_FOUND });
    expect(await check(Buffer.from([10, 200]))).toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  it('tells those who watch when the server drains, and holds up no drain', async () => {
    const heard = async (service: string) => {
      const states: number[] = [];
      for await (const message of watch(service)) {
        states.push((message as Buffer)[1]!);
        if (states.length === 1) watching();
      }
      return states;
    };
    let left = 2;
    let watching = (): void => {};
    const bothWatch = new Promise<void>((resolve) => {
      watching = () => --left === 0 && resolve();
    });
    const all = Promise.all([heard('pantry.Pantry'), heard('cellar.Cellar')]);
    await bothWatch;
    await server.stop();
    expect(await all).toEqual([
      [SERVING, NOT_SERVING],
      [SERVICE_UNKNOWN, SERVICE_UNKNOWN],
    ]);
  });

  it('refuses one watcher too many', async () => {
    const watchers = Array.from({ length: 100 }, () => watch(''));
    await Promise.all(watchers.map((one) => new Promise((resolve) => one.once('data', resolve))));
    for (const one of watchers) one.on('error', () => undefined);
    const refused = watch('');
    refused.on('data', () => undefined);
    const error = await new Promise((resolve) => refused.once('error', resolve));
    expect(error).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    for (const one of watchers) one.cancel();
  });
});

describe('reflection', () => {
  const ask = (version = 'v1'): ClientDuplexStream<Buffer, Buffer> =>
    client.makeBidiStreamRequest(
      `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      same,
      same,
    );
  const answers = async (stream: ClientDuplexStream<Buffer, Buffer>, ...questions: Buffer[]) => {
    for (const question of questions) stream.write(question);
    stream.end();
    const all: string[] = [];
    for await (const answer of stream) all.push((answer as Buffer).toString('latin1'));
    return all;
  };

  it.each(['v1', 'v1alpha'])('lists the services in %s', async (version) => {
    const [services] = await answers(ask(version), text(7, ''));
    expect(services).toContain('pantry.Pantry');
  });

  it('says what it does not know, and reads what is no question', async () => {
    const told = await answers(
      ask(),
      text(4, 'pantry.Nothing'),
      text(3, '../../etc/passwd'),
      Buffer.from([34, 200]),
      Buffer.alloc(5_000, 1),
      Buffer.from([40, 1]),
    );
    const why = told.map((answer) => /this server has no such|cannot be read/.exec(answer)?.[0]);
    const [unknown, unread] = ['this server has no such', 'cannot be read'];
    expect(why).toEqual([unknown, unknown, unread, unread, unknown]);
  });

  it('answers 1,000 questions of a stream and no more', async () => {
    const stream = ask();
    let answered = 0;
    stream.on('data', () => answered++);
    const refused = new Promise((resolve) => stream.once('error', resolve));
    for (let n = 0; n <= 1_000; n++) stream.write(text(4, 'x'));
    expect(await refused).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    expect(answered).toBeLessThanOrEqual(1_000);
  });

  it('serves 32 streams at once and no more, and again when one is gone', async () => {
    const streams = Array.from({ length: 32 }, () => ask());
    const first = (stream: ClientDuplexStream<Buffer, Buffer>) =>
      new Promise((resolve) => {
        stream.on('data', resolve).on('error', resolve);
        stream.write(text(7, ''));
      });
    await Promise.all(streams.map(first));
    expect(await first(ask())).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    const ended = new Promise((resolve) => streams[0]!.once('end', resolve));
    streams[0]!.end();
    await ended;
    expect(await first(ask())).toBeInstanceOf(Buffer);
    for (const stream of streams) stream.cancel();
  });

  it('holds up no drain', async () => {
    const stream = ask();
    const ended = new Promise((resolve) => stream.once('end', resolve));
    stream.on('data', () => void server.stop());
    stream.write(text(7, ''));
    await ended;
  });
});
