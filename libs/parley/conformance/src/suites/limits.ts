import {
  broadcast,
  call,
  command,
  event,
  wire,
  type Call,
  type Contract,
  type Kind,
} from '@parley/contract';
import { inConversation } from '@parley/messaging';
import { z } from 'zod';
import type { Instance } from '../harness/instance';
import { Recorder } from '../harness/recorder';
import type { TryPromise } from '../suite';
import { handler, Job, say, type Handle, type TestScenario } from '../harness/test-scenario';

/*
 * Every receiver accepts the largest payload that the sender accepts: as long, as deep and as many
 * as it may be, and values that JSON has no form for.
 */

const Wide = Job.extend({
  value: z.unknown().optional(),
  at: wire.date().optional(),
  total: wire.bigint().optional(),
  price: wire.decimal(2).optional(),
  unit: z.string().default('kWh'),
});
type Wide = z.output<typeof Wide>;
type WideInput = z.input<typeof Wide>;

interface Arrived {
  readonly job: Wide;
  readonly partitionkey?: string;
  readonly correlationid: string;
}

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const deep = (levels: number): unknown => (levels === 0 ? 'end' : [deep(levels - 1)]);
const many = (count: number): unknown => Array.from({ length: count }, () => 1);
/** Bytes of a body of 100,000 values. */
const BODY_OF_MANY = 200_100;

/** As long as they may be, in the texts that take most on their way. */
const LONGEST: readonly Pick<Arrived, 'partitionkey' | 'correlationid'>[] = [
  { partitionkey: 'x'.repeat(1_024), correlationid: 'y'.repeat(1_024) },
  { partitionkey: '水'.repeat(1_024), correlationid: '木'.repeat(1_024) },
  { partitionkey: '🚀'.repeat(512), correlationid: '🫖'.repeat(512) },
  { partitionkey: '\u0001'.repeat(1_024), correlationid: 'short' },
];

function contractOf({ kind, base }: TestScenario): Contract {
  const name = `${base}.do-wide-job`;
  if (kind === 'command') return command(name, Wide, { key: 'key' });
  if (kind === 'event') return event(name, Wide, { key: 'key' });
  return kind === 'broadcast'
    ? broadcast(name, Wide)
    : call(name, { request: Wide, reply: Wide, deadline: '20s' });
}

/** Says it, or asks it and looks whether the answer is the same. */
async function send(
  sender: Instance,
  contract: Contract<Kind>,
  job: WideInput,
  correlationId = 'a-conversation',
): Promise<void> {
  await inConversation({ correlationId, traceparent: TRACE }, async () => {
    if (contract.kind !== 'call') return say(sender, contract, job);
    expect(await sender.messenger.call(contract as Call, job)).toEqual({ unit: 'kWh', ...job });
  });
}

async function receive(trial: TestScenario, contract: Contract): Promise<Recorder<Arrived>> {
  const seen = new Recorder<Arrived>();
  const handle: Handle = (job, { envelope: { partitionkey, correlationid } }) => {
    seen.note({ job: job as Wide, partitionkey, correlationid });
    return trial.kind === 'call' ? job : undefined;
  };
  await trial.start(trial.receiver, [handler(contract, handle)]);
  return seen;
}

export function limitPromises(promise: TryPromise): void {
  promise('T52', async (trial) => {
    const contract = contractOf(trial);
    const seen = await receive(trial, contract);
    const sender = await trial.senderInstance();
    await acceptLargest(trial, sender, contract, seen);
    await refuseLarger(trial, sender, contract);
    const before = seen.entries.length;
    await send(sender, contract, { key: 'end', n: 99 });
    await seen.reach(before + 1);
    expect(seen.entries.slice(before).map(({ job }) => job.n)).toEqual([99]);
    if (trial.kind === 'command' || trial.kind === 'event')
      expect(await sender.messaging.introspection.health()).toMatchObject({
        outbox: { waiting: 0 },
      });
  });

  promise('T53', async (trial) => {
    const contract = contractOf(trial);
    const seen = await receive(trial, contract);
    const sender = await trial.senderInstance();
    const job: WideInput = {
      key: 'k',
      n: 1,
      at: new Date('2026-01-31T12:00:00.007Z'),
      total: -(2n ** 80n),
      price: 123_456n,
    };
    await send(sender, contract, job);
    if (trial.kind !== 'call')
      await sender.transactions.run(() => send(sender, contract, { ...job, n: 2 }));
    const arrived = await seen.reach(trial.kind === 'call' ? 1 : 2);
    expect(arrived.map((one) => one.job)).toEqual(
      arrived.map((_, place) => ({ ...job, n: place + 1, unit: 'kWh' })),
    );
  });
}

async function acceptLargest(
  trial: TestScenario,
  sender: Instance,
  contract: Contract,
  seen: Recorder<Arrived>,
): Promise<void> {
  const keyed = contract.key !== undefined;
  for (const [n, { partitionkey = '', correlationid }] of LONGEST.entries())
    await send(sender, contract, { key: partitionkey, n }, correlationid);
  const arrived = await seen.reach(LONGEST.length);
  const expected = LONGEST.map(({ partitionkey, correlationid }) => ({
    key: partitionkey,
    partitionkey: keyed ? partitionkey : undefined,
    correlationid,
  }));
  const found = [...arrived]
    .sort((a, b) => a.job.n - b.job.n)
    .map(({ job, partitionkey, correlationid }) => ({ key: job.key, partitionkey, correlationid }));
  expect(found).toEqual(expected);
  await send(sender, contract, { key: 'deep', n: 10, value: deep(63) });
  if ((trial.features.largest ?? BODY_OF_MANY) >= BODY_OF_MANY)
    await send(sender, contract, { key: 'many', n: 11, value: many(99_990) });
  else await send(sender, contract, { key: 'many', n: 11, value: many(100) });
  await seen.reach(LONGEST.length + 2);
}

async function refuseLarger(
  trial: TestScenario,
  sender: Instance,
  contract: Contract,
): Promise<void> {
  const refused = async (job: WideInput, path: string, correlationId?: string) => {
    const refusal = { name: 'InvalidMessageError', issues: [{ path }] };
    await expect(send(sender, contract, job, correlationId)).rejects.toMatchObject(refusal);
    if (trial.kind === 'call') return;
    await expect(
      sender.transactions.run(() => send(sender, contract, job, correlationId)),
    ).rejects.toMatchObject(refusal);
  };
  if (contract.key !== undefined) {
    await refused({ key: 'x'.repeat(1_025), n: 20 }, 'key');
    await refused({ key: 'x'.repeat(70_000), n: 21 }, 'key');
    await refused({ key: 'half \ud83d', n: 22 }, 'key');
    await refused({ key: '\u0001'.repeat(1_024), n: 23 }, 'envelope', '\u0001'.repeat(1_024));
  }
  await refused({ key: 'k', n: 24 }, 'correlationid', 'y'.repeat(1_025));
  await refused({ key: 'k', n: 25, value: deep(64) }, '');
  await refused({ key: 'k', n: 26, value: many(100_001) }, '');
  await refused({ key: 'k', n: 27, value: { at: [new Date()] } }, 'value.at.0');
}
