import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { MessagingOptions } from '@parley/messaging';
import { PostgresStore } from '@parley/postgres';
import { TemporaryDatabase } from '@parley/testing';
import { DataSource } from 'typeorm';
import type { ProcessHost } from '../harness/fixture';
import type { EndingOrders } from './ending-process.fixture';

const ROOT = join(__dirname, '../../../../..');

/**
 * Instances on a technology that are processes of their own. Their store is PostgreSQL, for it has
 * to outlive them.
 */
export const processesOn =
  (technology: EndingOrders['technology'], urls: () => MessagingOptions['urls']) =>
  async (service: string): Promise<ProcessHost> => {
    const database = await TemporaryDatabase.create(process.env.PARLEY_TEST_POSTGRES!, service);
    await database.query(
      'create table public.effect (number bigserial primary key, what text); grant all on public.effect, public.effect_number_seq to public',
    );
    const dataSource = new DataSource({ type: 'postgres', url: database.url, poolSize: 2 });
    const store = new PostgresStore(dataSource, { service });
    await store.connect();
    const children: ChildProcess[] = [];
    return {
      start: async (instance, { kind, name }, end) => {
        const child = fork(join(__dirname, 'ending-process.fixture.ts'), {
          cwd: ROOT,
          execArgv: ['-r', '@swc-node/register'],
          env: { ...process.env, SWC_NODE_PROJECT: 'tsconfig.base.json' },
          stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        });
        children.push(child);
        const exited = once(child, 'exit');
        child.send({
          ...{ service, instance, contract: { kind, name }, end },
          ...{ technology, urls: urls(), database: database.url },
        } satisfies EndingOrders);
        const over = new Promise<void>((resolve) => {
          void exited.then(() => resolve());
          child.on('message', (word) => word === 'blocked' && resolve());
        });
        await Promise.race([once(child, 'message'), exited]);
        return { over };
      },
      effects: async () =>
        (
          (await dataSource.query('select what from public.effect order by number')) as {
            what: string;
          }[]
        ).map(({ what }) => what),
      deadLetters: () => store.lanes.deadLetters.list(),
      close: async () => {
        for (const child of children) child.kill('SIGKILL');
        await store.close();
        await database.drop();
      },
    };
  };
