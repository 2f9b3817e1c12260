import {
  Client,
  credentials,
  Metadata,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { call, fieldNumbers } from '@parley/contract';
import { InvalidMessageError } from '@parley/messaging';
import {
  type CallFault,
  type CallTransport,
  type HandleCall,
  HandlerRegistry,
  systemClock,
} from '@parley/messaging/transport';
import { Deadline } from '@parley/resilience';
import protobuf from 'protobufjs';
import { z } from 'zod';
import { grpc } from './grpc';
import { GrpcCallServer } from './server';

const Quote = call('bakery.quote-bread', {
  request: z.object({ lines: z.array(z.object({ sku: z.string(), quantity: z.int() })) }),
  reply: z.object({ total: z.int(), note: z.string().nullable() }),
  errors: { 'unknown-sku': z.object({ sku: z.string(), line: z.int() }) },
});
fieldNumbers('bakery', {
  QuoteBreadRequest: { lines: 1 },
  'QuoteBreadRequest.Lines': { sku: 1, quantity: 2 },
  QuoteBreadReply: { total: 1, note: 4 },
  QuoteBreadUnknownSkuError: { sku: 1, line: 2 },
});

/** The messages as somebody else has them, who knows the .proto file only. */
const { root } = protobuf.parse(
  `syntax = "proto3";
   message Request { message Lines { optional string sku = 1; optional int64 quantity = 2; } repeated Lines lines = 1; }
   message Reply { optional int64 total = 1; optional string note = 4; }
   message UnknownSku { optional string sku = 1; optional int64 line = 2; }
   message Any { string type_url = 1; bytes value = 2; }
   message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
   message ErrorInfo { string reason = 1; string domain = 2; }
   message Violation { string field = 1; string description = 2; }
   message BadRequest { repeated Violation violations = 1; }`,
  { keepCase: true },
);
const write = (type: string, value: object): Buffer =>
  Buffer.from(root.lookupType(type).encode(value).finish());
const read = (type: string, bytes: Uint8Array): Record<string, unknown> =>
  root.lookupType(type).toObject(root.lookupType(type).decode(bytes), { longs: Number });

const REQUEST = { lines: [{ sku: 'RYE', quantity: 3 }] };
const PATH = '/bakery.Bakery/QuoteBread';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function serve(answer: HandleCall): Promise<number> {
  const server = new GrpcCallServer(
    { host: '127.0.0.1', port: 0 },
    new HandlerRegistry('bakery'),
    answer,
  );
  server.addHandler(Quote.name, (async () => {}) as never, false, {
    contract: Quote,
    options: {},
    handlerClass: class Ovens {},
    method: 'quote',
  });
  await new Promise<void>(
    (resolve, reject) => void server.listen((error) => (error ? reject(error) : resolve())),
  );
  open.push(server);
  return server.port;
}

const replying =
  (reply: object): HandleCall =>
  async () => ({ ok: true, body: Buffer.from(JSON.stringify(reply)) });
const failing =
  (fault: CallFault): HandleCall =>
  async () => ({ ok: false, fault });

function transportTo(port: number): CallTransport {
  const context = { service: 'shop', instance: 'shop-1', clock: systemClock, log: () => {} };
  const transport = grpc.openCalls!({ urlOf: () => `grpc://127.0.0.1:${port}` }, context);
  open.push(transport);
  return transport;
}

const asking = (value: unknown) => ({
  contract: Quote,
  headers: {},
  body: Buffer.from(JSON.stringify(value)),
  deadline: Deadline.within(60_000),
});

/** A program that is not ours asks. */
function foreign(port: number, message: Buffer): Promise<Buffer | ServiceError> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  open.push(client);
  const same = (bytes: Buffer): Buffer => bytes;
  return new Promise((resolve) => {
    client.makeUnaryRequest(PATH, same, same, message, (error, reply) => resolve(error ?? reply!));
  });
}

const detailsOf = (answer: Buffer | ServiceError) => {
  const { code, metadata } = answer as ServiceError;
  const told = read('Status', metadata.get('grpc-status-details-bin')[0] as Buffer);
  const details = (told['details'] ?? []) as { type_url: string; value: Uint8Array }[];
  return { code, told, details };
};

describe('a call in protobuf', () => {
  it('is understood by those who know the .proto file only, in both directions', async () => {
    const asked: unknown[] = [];
    const port = await serve(async ({ body }) => {
      asked.push(JSON.parse(body.toString()));
      return { ok: true, body: Buffer.from('{"total":9,"note":null}') };
    });
    const reply = await foreign(port, write('Request', REQUEST));
    expect(read('Reply', reply as Buffer)).toEqual({ total: 9 });
    expect(asked).toEqual([REQUEST]);
  });

  it('goes from service to service', async () => {
    const transport = transportTo(await serve(replying({ total: 0, note: 'warm' })));
    const answer = await transport.call(asking(REQUEST));
    expect(answer.ok && JSON.parse(answer.body.toString())).toEqual({ total: 0, note: 'warm' });
  });

  it('is answered in JSON when it was asked in JSON', async () => {
    const port = await serve(replying({ total: 9, note: null }));
    const reply = await foreign(port, Buffer.from(JSON.stringify(REQUEST)));
    expect(JSON.parse(String(reply))).toEqual({ total: 9, note: null });
  });

  it('that no one can read is refused before a handler sees it', async () => {
    const answer = jest.fn(replying({}));
    const port = await serve(answer);
    const refused = detailsOf(await foreign(port, Buffer.from([10, 200])));
    expect(refused.code).toBe(status.INVALID_ARGUMENT);
    expect(refused.details.map(({ type_url }) => type_url)).toEqual([
      'type.googleapis.com/google.rpc.ErrorInfo',
      'type.googleapis.com/google.rpc.BadRequest',
    ]);
    expect(answer).not.toHaveBeenCalled();
  });

  it('that protobuf cannot carry is not sent, and the field is named', async () => {
    const answer = jest.fn(replying({}));
    const transport = transportTo(await serve(answer));
    const sent = transport.call(asking({ lines: [{ sku: '\uD800', quantity: 1 }] }));
    await expect(sent).rejects.toBeInstanceOf(InvalidMessageError);
    await expect(sent).rejects.toThrow('QuoteBreadRequest.Lines.sku has half of a character');
    expect(answer).not.toHaveBeenCalled();
  });

  it('whose reply protobuf cannot carry is an invalid reply', async () => {
    const transport = transportTo(await serve(replying({ total: 0.5, note: null })));
    expect(await transport.call(asking(REQUEST))).toMatchObject({
      ok: false,
      fault: { code: 'invalid-reply', message: expect.stringContaining('QuoteBreadReply.total') },
    });
  });
});

describe('an error', () => {
  const fault = { code: 'unknown-sku', message: 'no such bread', details: { sku: 'RYE', line: 2 } };

  it('reaches every client with its code and its details, typed', async () => {
    const answer = await foreign(await serve(failing(fault)), write('Request', REQUEST));
    const { code, told, details } = detailsOf(answer);
    expect(code).toBe(status.FAILED_PRECONDITION);
    expect(told).toMatchObject({ code, message: (answer as ServiceError).details });
    expect(details.map(({ type_url }) => type_url)).toEqual([
      'type.googleapis.com/google.rpc.ErrorInfo',
      'type.googleapis.com/bakery.QuoteBreadUnknownSkuError',
    ]);
    expect(read('ErrorInfo', details[0]!.value)).toEqual({
      reason: 'unknown-sku',
      domain: 'bakery',
    });
    expect(read('UnknownSku', details[1]!.value)).toEqual({ sku: 'RYE', line: 2 });
  });

  it('of an invalid request names each field', async () => {
    const details = [{ path: 'lines.0.sku', message: 'is too short' }];
    const port = await serve(failing({ code: 'invalid-request', message: 'no', details }));
    const found = detailsOf(await foreign(port, write('Request', REQUEST))).details;
    expect(read('BadRequest', found[1]!.value)).toEqual({
      violations: [{ field: 'lines.0.sku', description: 'is too short' }],
    });
  });

  it('with much to tell leaves the typed details out: both trailers fit what peers accept', async () => {
    const large = { ...fault, details: { sku: 'x'.repeat(3_000), line: 1 } };
    const port = await serve(failing(large));
    const { details } = detailsOf(await foreign(port, write('Request', REQUEST)));
    expect(details).toHaveLength(1);
    expect(await transportTo(port).call(asking(REQUEST))).toEqual({ ok: false, fault: large });
  });
});

describe('an instance of a version that reads JSON only', () => {
  /** The replies of such a version, and the requests it got. */
  async function older(): Promise<{ port: number; asked: string[] }> {
    const asked: string[] = [];
    const server = new Server();
    open.push({ close: () => server.forceShutdown() });
    const same = (bytes: Buffer): Buffer => bytes;
    server.register(
      PATH,
      (request: { readonly request: Buffer }, respond: sendUnaryData<Buffer>) => {
        asked.push(request.request.toString()[0] === '{' ? 'JSON' : 'protobuf');
        if (asked.at(-1) === 'JSON') return respond(null, Buffer.from('{"total":9,"note":null}'));
        const metadata = new Metadata();
        const fault = { code: 'invalid-request', message: 'is not JSON in UTF-8' };
        metadata.set('parley-fault-bin', Buffer.from(JSON.stringify(fault)));
        respond({ code: status.INVALID_ARGUMENT, details: 'invalid-request', metadata });
      },
      same,
      same,
      'unary',
    );
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    return { port, asked };
  }

  it('is asked again in JSON, and only so from then on', async () => {
    const { port, asked } = await older();
    const transport = transportTo(port);
    for (let n = 0; n < 3; n++)
      expect(await transport.call(asking(REQUEST))).toMatchObject({ ok: true });
    expect(asked).toEqual(['protobuf', 'JSON', 'JSON', 'JSON']);
  });

  it('is not what refuses an invalid request today', async () => {
    const answer = jest.fn(failing({ code: 'invalid-request', message: 'no', details: [] }));
    const transport = transportTo(await serve(answer));
    expect(await transport.call(asking(REQUEST))).toMatchObject({ ok: false });
    expect(answer).toHaveBeenCalledTimes(1);
  });
});
