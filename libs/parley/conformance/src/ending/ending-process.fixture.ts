// An instance whose handler ends its process, or blocks it for ever; started by processes.fixture.ts.
import { command, event, type Contract } from '@parley/contract';
import type { MessagingOptions, Technology } from '@parley/messaging';
import { PostgresStore } from '@parley/postgres';
import { DataSource, type EntityManager } from 'typeorm';
import type { Place, ProcessEnd } from '../harness/fixture';
import { Instance } from '../harness/instance';
import { handler, Job, type Handle } from '../harness/test-scenario';

export interface EndingOrders {
  readonly service: string;
  readonly instance: string;
  readonly contract: Pick<Contract, 'kind' | 'name'>;
  readonly end: ProcessEnd;
  /** The module of the technology, and its export. */
  readonly technology: readonly [module: string, name: string];
  readonly urls: MessagingOptions['urls'];
  readonly database: string;
}

/** Says that the moment has come, and ends. */
const endBy = (end: ProcessEnd): Promise<never> =>
  new Promise(() => {
    if (end === 'exit') process.exit(1);
    process.send!('blocked', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
  });

async function main(orders: EndingOrders): Promise<void> {
  const { service, instance, end, urls, database } = orders;
  const [module, name] = orders.technology;
  const { [name]: technology } = (await import(module)) as Readonly<Record<string, Technology>>;
  const dataSource = new DataSource({ type: 'postgres', url: database, poolSize: 5 });
  const place: Place = {
    options: {
      urls,
      technologies: [technology!],
      store: new PostgresStore(dataSource, { service }),
    },
    kill: () => 0,
    alive: () => true,
    close: async () => undefined,
  };
  const kept = { key: 'key' } as const;
  const contract =
    orders.contract.kind === 'command'
      ? command(orders.contract.name, Job, kept)
      : event(orders.contract.name, Job, kept);
  const handle: Handle = async ({ key, n }, { attempt, transaction }) => {
    if (key === 'poison') await endBy(end);
    if (key === 'unlucky' && attempt < 3) throw new Error('not yet');
    await transaction((tx) =>
      (tx as EntityManager).query('insert into public.handled (what) values ($1)', [`${key}${n}`]),
    );
  };
  const options = {
    transaction: 'own',
    retry: { immediate: 0, delays: ['10ms', '10ms'] },
  } as const;
  await Instance.start(service, instance, place, [handler(contract, handle, { options })]);
  process.send!('ready');
}

process.once('message', (orders: EndingOrders) => void main(orders));
process.on('disconnect', () => process.exit(1)); // the trial has ended
