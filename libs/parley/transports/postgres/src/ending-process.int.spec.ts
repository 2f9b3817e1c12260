import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Contract } from '@parley/contract';
import {
  type Failure,
  type OutgoingMessage,
  UNFINISHED_AT_MOST,
} from '@parley/messaging/transport';
import { appendEvents } from './log/log-append';
import { JobDone, TakeJob } from './poison-process.fixture';
import { SEND, sendValues } from './queue/queue-sender';
import { TrialDatabase } from './trial-database.fixture';
import { until } from './queue/worker.fixture';

jest.setTimeout(180_000);

const ROOT = join(__dirname, '../../../../..');
const AT_MOST = 10;
const PATIENCE_MS = 150_000;

let database: TrialDatabase;

beforeAll(async () => {
  database = await TrialDatabase.create(['inventory', 'orders']);
});
afterAll(() => database.drop());

function sent(contract: Contract, key: string, n: number): OutgoingMessage {
  const id = randomUUID();
  const envelope = {
    specversion: '1.0',
    id,
    type: contract.name,
    source: '/orders',
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    contractversion: '1',
    correlationid: id,
    partitionkey: key,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    producerinstance: 'trial',
    producerbuild: 'trial',
  } as const;
  return { contract, envelope, body: Buffer.from(JSON.stringify({ key, n })) };
}

/**
 * Restarts the service whenever its process ended, as a supervisor does, once the leases of the
 * dead process have expired.
 */
class Supervisor {
  deaths = 0;
  private child?: ChildProcess;
  private stopped = false;
  private readonly running: Promise<void>;

  constructor(url: string, onDeath: () => Promise<void>) {
    this.running = this.run(url, onDeath);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.child?.kill('SIGKILL');
    await this.running;
  }

  private async run(url: string, onDeath: () => Promise<void>): Promise<void> {
    while (!this.stopped) {
      const argv = [
        '--max-old-space-size=128',
        '-r',
        '@swc-node/register',
        join(__dirname, 'poison-process.fixture.ts'),
        url,
        `inventory-${this.deaths + 1}`,
      ];
      this.child = spawn(process.execPath, argv, { cwd: ROOT, stdio: 'ignore' });
      await once(this.child, 'exit');
      if (this.stopped) return;
      this.deaths++;
      await database.admin.query(EXPIRE);
      await onDeath();
    }
  }
}

const EXPIRE =
  'update parley.lane set until = clock_timestamp() where token <> 0; update parley.event_member set until = clock_timestamp()';
const effects = async () =>
  (
    await database.admin.query<{ lane: string; by: string }>(
      'select lane, by from public.effect order by number',
    )
  ).rows;
const dead = async () =>
  (
    await database.admin.query<{ failure: string; holds: boolean; headers: Buffer }>(
      'select failure, holds, headers from parley.dead',
    )
  ).rows;

it.each([
  ['command', 'a rejection that nobody handles', TakeJob],
  ['command', 'a lack of memory', TakeJob],
  ['command', 'SIGSEGV', TakeJob],
  ['event', 'exit', JobDone],
  ['event', 'SIGKILL', JobDone],
])(
  'a %s that ends its process by %s is dead after a stated number of deliveries, and its neighbours take effect',
  async (_, how, contract) => {
    await database.empty();
    const poison = `poison ${how}`;
    const good = ['a', 'b', 'c', 'd', 'fails twice'];
    const messages = [
      sent(contract, 'a', 0),
      sent(contract, poison, 1),
      ...good.slice(1).map((key, n) => sent(contract, key, n)),
      sent(contract, poison, 2),
    ];
    if (contract.kind === 'command') await database.admin.query(SEND.text, sendValues(messages));
    else await appendEvents(database.admin, messages);
    const goodAfter: number[] = [];
    const supervisor = new Supervisor(
      database.url('inventory'),
      async () => void goodAfter.push((await effects()).length),
    );
    try {
      await until(
        async () => (await dead()).length === 1 || supervisor.deaths > AT_MOST,
        PATIENCE_MS,
      );
      await until(async () => (await effects()).length === good.length, 30_000);
    } finally {
      await supervisor.stop();
    }
    const [letter] = await dead();
    const failure = JSON.parse(letter!.failure) as Failure;
    expect(failure).toMatchObject({
      error: 'ProcessEndedError',
      tries: UNFINISHED_AT_MOST,
      instance: `inventory-${supervisor.deaths}`,
    });
    expect(failure.message.match(/^\d{4}-\S+Z inventory-\d+$/gm)).toHaveLength(UNFINISHED_AT_MOST);
    expect(Date.parse(failure.lastFailedAt)).toBeGreaterThan(Date.parse(failure.firstFailedAt));
    expect(letter!.holds).toBe(true);
    expect(supervisor.deaths).toBeLessThanOrEqual(AT_MOST);
    // Within two leases: no other message was leased when the message ended a process for the
    // second time. One waits for its retries.
    expect(goodAfter[2]).toBeGreaterThanOrEqual(good.length - 1);
    expect(Object.fromEntries((await effects()).map(({ lane, by }) => [lane, by]))).toEqual({
      a: '1',
      b: '1',
      c: '1',
      d: '1',
      'fails twice': '3',
    });
  },
);
