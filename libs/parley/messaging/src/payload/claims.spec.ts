import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { Controller } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { command, type Message } from '@parley/contract';
import { memory, MemoryBroker, MemoryStore } from '@parley/memory';
import { VirtualClock } from '@parley/testing';
import { z } from 'zod';
import { OutageError } from '../ports/outage';
import { ClaimMissingError, BodyTooLargeError } from '../ports/claim-store';
import { FileClaimStore } from './file-claim-store';
import { Handles } from '../handlers/handles';
import { Messaging } from '../messaging';
import { MessagingModule } from '../messaging.module';
import type { OutgoingMessage } from '../message/message';

const LARGEST = 1_000;
const Scan = command('lab.store-scan', z.object({ scanId: z.string(), image: z.string() }), {
  key: 'scanId',
});
type Scan = Message<typeof Scan>;
const large = (scanId = 's-1'): Scan => ({ scanId, image: 'x'.repeat(5_000) });

let url: string;
let clock: VirtualClock;
let store: MemoryStore;
let ending: (() => Promise<unknown>)[];
let wire: OutgoingMessage[];
let failing: number;
let seen: Scan[];

@Controller()
class Archive {
  @Handles(Scan, { retry: { immediate: 0, delays: ['1s'] } })
  async store(scan: Scan) {
    seen.push(scan);
    if (failing-- > 0) throw new Error('not yet');
  }
}

beforeEach(() => {
  url = `memory://${randomUUID()}?largest=${LARGEST}`;
  clock = new VirtualClock();
  store = new MemoryStore(clock);
  [ending, wire, seen, failing] = [[], [], [], 0];
  MemoryBroker.at(url, clock).witnesses.add((message) => wire.push(message));
});
afterEach(async () => {
  for (const end of ending.reverse()) await end();
  MemoryBroker.forget(url);
});

/** The lab; `claims`: its store for large bodies. */
async function lab(claims?: string, own: MemoryStore | null = store): Promise<Messaging> {
  const options = {
    service: 'lab',
    instance: 'lab-1',
    build: 'test',
    urls: { commands: url },
    technologies: [memory],
    store: own ?? undefined,
    claims,
    clock,
    random: () => 0,
    circuitBreaker: false,
    log: () => undefined,
  } as const;
  const app = await NestFactory.create(
    {
      module: class Lab {},
      imports: [MessagingModule.forRoot(options)],
      controllers: own ? [Archive] : [],
    },
    new FastifyAdapter(),
    { logger: false, abortOnError: false },
  );
  const messaging = app.get(Messaging);
  messaging.attach(app);
  await messaging.start();
  await app.init();
  await messaging.listen(app);
  ending.push(
    async () => (
      await messaging.stopConsuming(),
      await messaging.flush(0),
      await app.close(),
      await messaging.close()
    ),
  );
  return messaging;
}

/** Waits until all messages are settled. */
async function quiet(): Promise<void> {
  const busy = () => [...MemoryBroker.at(url, clock).unsettled(), ...store.unsettled()].length > 0;
  for (let still = 0; still < 5; still = busy() ? 0 : still + 1) await new Promise(setImmediate);
}

const pass = (milliseconds: number) => clock.advance(milliseconds, quiet);

describe('a body above what its technology takes', () => {
  it('waits elsewhere while its message travels, and is handled whole', async () => {
    const { messenger } = await lab();
    await messenger.send(Scan, large());
    await quiet();
    expect(wire).toMatchObject([
      { body: Buffer.alloc(0), envelope: { dataref: `urn:uuid:${wire[0]!.envelope.id}` } },
    ]);
    expect(seen).toEqual([large()]);
  });

  it('is stored by the transaction that says it', async () => {
    const { messenger, transactions } = await lab();
    await transactions.run(async () => messenger.send(Scan, large('s-1')));
    const refused = transactions.commit(
      () => messenger.send(Scan, large('s-2')),
      () => Promise.reject(new Error('no')),
    ); // at its very end
    await expect(refused).rejects.toThrow('no');
    await quiet();
    expect(seen).toEqual([large('s-1')]);
    expect(store.claims.size).toBe(1);
  });

  it('travels itself when it is not above it', async () => {
    const { messenger } = await lab();
    await messenger.send(Scan, { scanId: 's', image: 'x' });
    await quiet();
    expect(wire[0]!.envelope.dataref).toBeUndefined();
    expect(store.claims.size).toBe(0);
  });

  it('is refused where it is said when it can wait nowhere', async () => {
    const { messenger } = await lab(undefined, null);
    const refused = messenger.send(Scan, large());
    await expect(refused).rejects.toThrow(BodyTooLargeError);
    await expect(refused).rejects.toMatchObject({
      contract: Scan.name,
      size: JSON.stringify(large()).length,
      limit: LARGEST,
    });
    await expect(refused).rejects.toThrow(
      /lab.store-scan: a body of \d+ bytes is too large for memory, which takes 1000; set CLAIMS_URL/,
    );
    expect(wire).toEqual([]);
  });

  it('is fetched again for each try, and kept whole with what failed', async () => {
    failing = 2;
    const { messenger } = await lab();
    await messenger.send(Scan, large());
    await quiet();
    await pass(1_500);
    const [letter] = await store.lanes.deadLetters.list();
    expect(seen).toHaveLength(2);
    expect(JSON.parse(letter!.body.toString())).toEqual(large());
    await store.lanes.deadLetters.edit(
      letter!.id,
      Buffer.from('{"scanId":"s-1","image":"smaller"}'),
      { who: 'ann', replay: true },
    );
    await quiet();
    expect(seen[2]).toEqual({ scanId: 's-1', image: 'smaller' });
  });

  it('that is not there is looked for again, then a dead letter that says where', async () => {
    const { messenger } = await lab('memory://elsewhere');
    const get = jest
      .spyOn(MemoryBroker.at('memory://elsewhere', clock).claims, 'get')
      .mockResolvedValue(undefined);
    await messenger.send(Scan, large());
    await quiet();
    expect(await store.lanes.deadLetters.count()).toBe(0);
    await pass(1_500);
    const [letter] = await store.lanes.deadLetters.list();
    expect(letter).toMatchObject({
      failure: {
        error: ClaimMissingError.name,
        message: expect.stringContaining('is CLAIMS_URL the one of the sender?') as string,
      },
      holds: true,
    });
    get.mockRestore();
    await store.lanes.deadLetters.replay(letter!.id);
    await quiet();
    expect(seen).toEqual([large()]);
    MemoryBroker.forget('memory://elsewhere');
  });

  it.each(['file:///etc/passwd', 'urn:uuid:../../etc/passwd', ''])(
    'is not looked for at %j: a name, never a place, comes with a message',
    async (dataref) => {
      await lab();
      const id = randomUUID();
      const envelope = {
        specversion: '1.0',
        id,
        type: Scan.name,
        source: '/lab',
        time: new Date().toISOString(),
        datacontenttype: 'application/json',
        contractversion: '1',
        correlationid: id,
        partitionkey: 's',
        traceparent: '',
        producerinstance: 'x',
        producerbuild: 'x',
        dataref,
      } as const;
      MemoryBroker.at(url, clock).publish({ contract: Scan, envelope, body: Buffer.alloc(0) });
      await quiet();
      expect(await store.lanes.deadLetters.list()).toMatchObject([
        { failure: { error: 'InvalidMessageError' }, holds: false },
      ]);
    },
  );
});

describe('claims in a folder', () => {
  let folder: string;
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'claims-'))));
  afterEach(() => rm(folder, { recursive: true }));

  it('are files that everybody who mounts it can fetch', async () => {
    const { messenger } = await lab(`file://${folder}/deep/er`);
    await messenger.send(Scan, large());
    await quiet();
    const files = await readdir(join(folder, 'deep/er'));
    expect(files).toEqual([wire[0]!.envelope.id]);
    expect(JSON.parse(await readFile(join(folder, 'deep/er', files[0]!), 'utf8'))).toEqual(large());
    expect(seen).toEqual([large()]);
  });

  it('are swept when their time is over', async () => {
    const [old, young] = [randomUUID(), randomUUID()];
    const claims = new FileClaimStore(`file://${folder}?days=2`, { clock, log: () => undefined });
    await claims.put([
      { id: old, body: Buffer.from('old') },
      { id: young, body: Buffer.from('young') },
    ]);
    const made = (daysAgo: number) => new Date(clock.now() - daysAgo * 86_400_000);
    await utimes(join(folder, old), made(2.1), made(2.1));
    await utimes(join(folder, young), made(1.9), made(1.9));
    await claims.connect();
    expect(await claims.get(old)).toBeUndefined();
    expect(String(await claims.get(young))).toBe('young');
    await claims.close();
  });

  describe('while the folder cannot be used', () => {
    const outage = (why: string) => ({
      name: 'ClaimsAwayError',
      effect: 'none',
      message: expect.stringContaining(why),
    });

    it('are an outage to who stores one and to who fetches one, until it can be used again', async () => {
      const claims = new FileClaimStore(`file://${folder}/mount`, { clock, log: () => undefined });
      await claims.connect();
      await claims.close();
      await rm(join(folder, 'mount'), { recursive: true });
      const claim = { id: randomUUID(), body: Buffer.from('whole') };
      await expect(claims.put([claim])).rejects.toMatchObject(outage('ENOENT'));
      await writeFile(join(folder, 'mount'), 'no folder');
      await expect(claims.put([claim])).rejects.toMatchObject(outage('ENOTDIR'));
      await expect(claims.get(claim.id)).rejects.toMatchObject(outage('ENOTDIR'));
      await rm(join(folder, 'mount'));
      await mkdir(join(folder, 'mount'));
      await claims.put([claim]);
      expect(String(await claims.get(claim.id))).toBe('whole');
    });

    it('say so to who sends a message: nothing was stored', async () => {
      const { messenger } = await lab(`file://${folder}/mount`);
      await rm(join(folder, 'mount'), { recursive: true });
      const sending = messenger.send(Scan, large());
      await expect(sending).rejects.toBeInstanceOf(OutageError);
      await expect(sending).rejects.toMatchObject({ effect: 'none' });
      expect(wire).toEqual([]);
    });

    const [yes, no] = [() => true, () => false];

    it('hold nobody when it hangs: one waits for its time, the next ones do not', async () => {
      const claims = new FileClaimStore(`file://${folder}`, { clock, log: () => undefined }, 200);
      const hangs = join(folder, 'hangs');
      execFileSync('mkfifo', [hangs]); // who opens it waits for who writes into it
      await expect(claims.get('hangs')).rejects.toMatchObject(outage('no answer within 0.2 s'));
      await expect(claims.put([{ id: 'a', body: Buffer.from('a') }])).rejects.toMatchObject(
        outage('an earlier request is still without an answer'),
      );
      await writeFile(hangs, 'late');
      const isStored = () => claims.put([{ id: 'a', body: Buffer.from('a') }]).then(yes, no);
      while (!(await isStored())) await new Promise(setImmediate);
      expect(String(await claims.get('a'))).toBe('a');
    });

    it('take no more than two of the threads of this process', async () => {
      const claims = new FileClaimStore(`file://${folder}`, { clock, log: () => undefined }, 200);
      const names = ['h1', 'h2', 'h3', 'h4', 'h5'];
      for (const name of names) execFileSync('mkfifo', [join(folder, name)]);
      const waiting = await Promise.allSettled(names.map((name) => claims.get(name)));
      expect(waiting.map(({ status }) => status)).toEqual(names.map(() => 'rejected'));
      expect(await readdir(folder)).toEqual(names); // by a thread that is left
      for (const name of ['h1', 'h2']) await writeFile(join(folder, name), '');
    });
  });
});
