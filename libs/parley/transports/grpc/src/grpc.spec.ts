import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js';
import {
  Ask,
  CallTrial,
  callWireSuite,
  expectDeadline,
  named,
  reply,
  type Served,
  waiting,
} from '@parley/conformance';
import { methodOf } from './codec';
import { GrpcConnection } from './connection';
import { grpc } from './grpc';

// The one that waits while the keepalive finds out.
callWireSuite({ technology: grpc, lostBySilence: 1 });

const PATH = methodOf(Ask).path;
const trial = new CallTrial(grpc);
afterEach(async () => {
  jest.restoreAllMocks();
  await trial.close();
});

const foreign = (port: number): Client => {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  trial.closes({ close: () => client.close() });
  return client;
};
const foreignCall = (client: Client, path: string) =>
  new Promise<ServiceError | null>((resolve) => {
    const same = (bytes: Buffer) => bytes;
    client.makeUnaryRequest(path, same, same, Buffer.from('{}'), (error) => resolve(error));
  });

describe('an instance that is killed', () => {
  it('costs at most one try and no reply; it is used again when it is back', async () => {
    const [a, b] = [await trial.serve(named('a')), await trial.serve(named('b'))];
    const transport = trial.transportFor(trial.urlOf(a.port, b.port));
    const missing = new Set(['"a"', '"b"']);
    while (missing.size > 0) missing.delete(await reply(transport));
    const tries = jest.spyOn(GrpcConnection.prototype, 'call').mock.calls;
    kill(a);
    for (let n = 0; n < 50; n++) expect(await reply(transport)).toBe('"b"');
    expect(tries.length).toBeLessThanOrEqual(50 + 1);
    await trial.serve(named('a again'), a.port);
    while ((await reply(transport)) !== '"a again"');
  });

  /** Breaks the server's connections as the death of its process does. */
  function kill({ server }: Served): void {
    (server as unknown as { grpcClient: { forceShutdown(): void } }).grpcClient.forceShutdown();
  }
});

describe('foreign callers', () => {
  it("have the contract's deadline when they set none, and an id", async () => {
    const handler = waiting();
    const { port } = await trial.serve(handler.answer);
    const began = performance.now();
    void foreignCall(foreign(port), PATH);
    const { deadline, headers } = await handler.begun;
    expectDeadline(deadline, Ask.deadline, began);
    expect(headers['id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each([
    ['invalid-request', status.INVALID_ARGUMENT],
    ['no-handler', status.UNIMPLEMENTED],
    ['deadline-exceeded', status.DEADLINE_EXCEEDED],
    ['unhandled', status.INTERNAL],
    ['out-of-stock', status.FAILED_PRECONDITION],
    ['constructor', status.FAILED_PRECONDITION],
  ])('see the fault %s as a status', async (code, expected) => {
    const server = await trial.serve(async () => ({
      ok: false,
      fault: { code, message: 'because' },
    }));
    const error = await foreignCall(foreign(server.port), PATH);
    expect(error).toMatchObject({ code: expected, details: `${code}: because` });
  });
});
