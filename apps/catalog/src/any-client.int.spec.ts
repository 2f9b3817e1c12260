import { join } from 'node:path';
import { QuotePrice } from '@contracts/catalog';
import { freePort } from '@parley/conformance';
import { grpcurl, pythonClient } from '@parley/conformance/interop';
import { grpc } from '@parley/grpc';
import { type CallServer, HandlerRegistry, systemClock } from '@parley/messaging/transport';

const PROTO = join(__dirname, '../../../libs/contracts/catalog/catalog.proto');
const LINE = { sku: 'TEA-0042', quantity: 2, name: 'Grüner Tee', price: 0, grams: 100 };

/** The catalogue, as far as strangers see it: an answer, or an error of the contract. */
async function catalogue(): Promise<{ server: CallServer; address: string }> {
  const port = await freePort();
  const context = { service: 'catalog', instance: 'catalog-1', clock: systemClock, log: () => {} };
  const calls = grpc.openCalls!(
    { urlOf: () => `grpc://127.0.0.1:${port}`, listen: { host: '127.0.0.1', port } },
    context,
  );
  const registry = new HandlerRegistry('catalog');
  const extras = { contract: QuotePrice, options: {}, handlerClass: class Quotes {}, method: 'q' };
  registry.add((async () => undefined) as never, extras);
  const server = calls.server(registry, async ({ body }) => {
    const { lines } = JSON.parse(body.toString()) as { lines: { sku: string }[] };
    const known = lines.every(({ sku }) => sku === LINE.sku);
    const details = { sku: lines[0]!.sku, line: 0 };
    if (!known) return { ok: false, fault: { code: 'unknown-sku', message: 'none', details } };
    return { ok: true, body: Buffer.from(JSON.stringify({ lines: [LINE], total: 598 })) };
  });
  await new Promise<void>(
    (resolve, reject) =>
      void server.listen((error?: unknown) => (error ? reject(error) : resolve())),
  );
  return { server, address: `127.0.0.1:${port}` };
}

const curl = grpcurl();
const client = pythonClient(PROTO);
for (const one of [curl, client]) if ('missing' in one) process.stderr.write(`${one.missing}\n`);

let server: CallServer;
let address: string;
beforeAll(async () => ({ server, address } = await catalogue()) as never);
afterAll(() => server.close());

('ask' in curl ? describe : describe.skip)('grpcurl, which knows nothing but the address,', () => {
  const ask = (...args: string[]) => ('ask' in curl ? curl.ask('-plaintext', ...args) : '');

  it('lists the services, and describes their messages', async () => {
    const listed = String(await ask(address, 'list'));
    expect(listed.trim().split('\n')).toEqual([
      'catalog.Catalog',
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
    ]);
    expect(await ask(address, 'describe', 'catalog.QuotePriceReply.Lines')).toContain(
      'optional int64 quantity = 2;',
    );
    expect(await ask(address, 'describe', 'catalog.Catalog')).toContain('rpc QuotePrice');
  });

  it('calls, in JSON of its own', async () => {
    const request = JSON.stringify({ lines: [{ sku: LINE.sku, quantity: 2 }] });
    const reply = await ask('-d', request, address, 'catalog.Catalog/QuotePrice');
    expect(JSON.parse(String(reply))).toEqual({
      lines: [{ ...LINE, quantity: '2', grams: '100' }], // protobuf's JSON has int64 as text
      total: 598,
    });
  });

  it('shows an error of the contract with its details', async () => {
    const request = JSON.stringify({ lines: [{ sku: 'TEA-0000', quantity: 2 }] });
    const error = await ask('-d', request, address, 'catalog.Catalog/QuotePrice');
    expect(error).toContain('FailedPrecondition');
    expect(error).toContain('"@type": "type.googleapis.com/catalog.QuotePriceUnknownSkuError"');
    expect(error).toContain('"reason": "unknown-sku"');
  });

  it('asks whether it is healthy', async () => {
    const health = await ask(
      '-d',
      '{"service":"catalog.Catalog"}',
      address,
      'grpc.health.v1.Health/Check',
    );
    expect(JSON.parse(String(health))).toEqual({ status: 'SERVING' });
  });
});

('ask' in client ? describe : describe.skip)('a client in Python, made of the .proto file,', () => {
  const ask = (...lines: (readonly [string, number])[]) =>
    'ask' in client ? client.ask(address, ...lines) : undefined;

  it('is answered', async () => {
    expect(await ask([LINE.sku, 2])).toEqual({
      lines: [{ ...LINE, quantity: '2', grams: '100' }],
      total: 598,
    });
  });

  it('reads an error with its code and typed details', async () => {
    expect(await ask(['TEA-0000', 1])).toEqual({
      error: {
        code: 'FAILED_PRECONDITION',
        ErrorInfo: { reason: 'unknown-sku', domain: 'catalog' },
        QuotePriceUnknownSkuError: { sku: 'TEA-0000', line: '0' },
      },
    });
  });
});
