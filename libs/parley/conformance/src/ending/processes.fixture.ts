import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { MessagingOptions } from '@parley/messaging';
import { PostgresStore } from '@parley/postgres';
import type { ProcessHost } from '../harness/fixture';
import { TrialDatabase } from '../../../transports/postgres/src/trial-database.fixture';
import type { EndingOrders } from './ending-process.fixture';

const ROOT = join(__dirname, '../../../../..');

/**
 * Instances on a technology that are processes of their own. Their store is PostgreSQL, for it has
 * to outlive them.
 */
export const processesOn =
  (technology: EndingOrders['technology'], urls: () => MessagingOptions['urls']) =>
  async (service: string): Promise<ProcessHost> => {
    const database = await TrialDatabase.create([service]);
    await database.admin.query(
      'create table public.handled (number bigserial primary key, what text); grant all on public.handled, public.handled_number_seq to public',
    );
    const dataSource = database.dataSource(service);
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
          ...{ technology, urls: urls(), database: database.url(service) },
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
          (await dataSource.query('select what from public.handled order by number')) as {
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
