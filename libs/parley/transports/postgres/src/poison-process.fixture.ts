// An instance of a service with a handler that ends the process on one message; run as a process of
// its own by ending-process.int.spec.ts.
import '../../../conformance/src/crash/without-nest';
import { command, event, type Message } from '@parley/contract';
import { Messaging, type HandlerContext } from '@parley/messaging';
import { Host, type Work } from '@parley/conformance/crash';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';
import { postgres } from './postgres';
import { PostgresStore } from './store/store';

const Job = z.object({ key: z.string(), n: z.int() });
export const TakeJob = command('inventory.take-job', Job, { key: 'key' });
export const JobDone = event('orders.job-done', Job, { key: 'key' });

function end(how: string): Promise<never> {
  if (how === 'exit') process.exit(1);
  if (how === 'SIGKILL' || how === 'SIGSEGV') process.kill(process.pid, how);
  if (how === 'a lack of memory')
    for (const held: string[][] = []; ;) held.push(new Array<string>(1_000_000).fill('x'));
  void Promise.reject(new Error('nobody waits for this'));
  return new Promise(() => undefined);
}

async function handle(
  { key, n }: Message<typeof TakeJob>,
  { tx, attempt }: HandlerContext<object>,
): Promise<void> {
  if (key.startsWith('poison')) await end(key.slice('poison '.length));
  if (key === 'fails twice' && attempt < 3) throw new Error('not yet');
  await (tx as EntityManager).query('insert into public.effect (lane, n, by) values ($1, $2, $3)', [
    key,
    n,
    String(attempt),
  ]);
}

async function main([url, instance]: readonly string[]): Promise<void> {
  const options = { retry: { immediate: 0, delays: ['10ms', '10ms'] } } as const;
  const works: Work[] = [
    { contract: TakeJob, options, handle },
    { contract: JobDone, options, subscription: 'jobs', handle },
  ];
  const store = new PostgresStore(new DataSource({ type: 'postgres', url, poolSize: 5 }), {
    service: 'inventory',
  });
  const messaging = new Messaging({
    service: 'inventory',
    instance: instance!,
    build: 'trial',
    urls: { commands: url!, events: url! },
    technologies: [postgres],
    store,
    concurrency: 8,
    circuitBreaker: false,
    log: () => undefined,
  });
  const host = new Host(works);
  messaging.attach(host.asApplication);
  await messaging.start();
  await messaging.listen(host.asApplication);
}

if (require.main === module) void main(process.argv.slice(2));
