import { randomUUID } from 'node:crypto';
import { Controller, type Type } from '@nestjs/common';
import { command, event, type Contract } from '@parley/contract';
import { Handles, Subscription, type DeadLetter } from '@parley/messaging';
import {
  eventually,
  hostileSuite,
  Instance,
  Recorder,
  GoodOrder,
  goodOrder,
  type WayIn,
} from '@parley/conformance';
import { Client, DatabaseError } from 'pg';
import { partOf } from './log/log-append';
import { postgres } from './postgres';
import { channelOf, laneOf } from './cloudevents';
import { PostgresStore } from './store/store';
import { TrialDatabase } from './trial-database.fixture';

/*
 * Attackers with access to the tables: with a service's role, which may call functions only, or
 * with a superuser's. Their rows passed no validation.
 */

const OWNER = 'victim';
const Reserve = command(`${OWNER}.reserve-stock`, GoodOrder, { key: 'name' });
const Placed = event(`${OWNER}.order-placed`, GoodOrder, { key: 'name' });
const KEY = 'Ada';

/** The content of a row: names and values in the order of the table's columns. */
type Write = (
  client: Client,
  row: { readonly id: string; readonly headers: Buffer; readonly body: Buffer },
) => Promise<unknown>;

const INTO_QUEUE: Write = async (client, { id, headers, body }) => {
  const row = `(select id from parley.queue where name = $1), $2, nextval('parley.message_number'), $3, $4, $5`;
  await client.query(`insert into parley.message select ${row}`, [
    OWNER,
    laneOf(KEY),
    id,
    headers,
    body,
  ]);
};
const SEND: Write = (client, { id, headers, body }) =>
  client.query('select parley.send($1, $2, $3, $4, $5, $6)', [
    [OWNER],
    [laneOf(KEY)],
    [id],
    [headers],
    [body],
    [null],
  ]);
const INTO_LOG: Write = (client, { id, headers, body }) =>
  client.query(
    `insert into parley.event (day, id, part, key, message, contract, headers, body)
     values ((clock_timestamp() at time zone 'utc')::date, nextval('parley.event_id'), $1, $2, $3, $4, $5, $6)`,
    [partOf(KEY), KEY, id, Placed.name, headers, body],
  );
const PUBLISH: Write = (client, { id, headers, body }) =>
  client.query('select parley.publish_events($1, $2, $3, $4, $5, $6)', [
    [Placed.name],
    [KEY],
    [partOf(KEY)],
    [id],
    [headers],
    [body],
  ]);

function wayIn(
  name: string,
  contract: Contract,
  who: 'superuser' | 'service',
  write: Write,
): WayIn {
  const handled = new Recorder<string>();
  let database: TrialDatabase;
  let victim: Instance;
  let attacker: Client;
  let known = 0;

  const wake = () =>
    attacker.query(
      contract.kind === 'command'
        ? `select pg_notify($1, '')`
        : 'select parley.sequence_events(), $1::text',
      [channelOf(OWNER)],
    );
  const put = async (id: string, headers: Buffer, body: Buffer) => (
    await write(attacker, { id, headers, body }),
    await wake()
  );
  const nextDead = async (): Promise<DeadLetter | undefined> => {
    const { deadLetters } = victim.store.lanes;
    return (await deadLetters.count()) > known
      ? (await deadLetters.list({ newest: true, limit: 1 }))[0]
      : undefined;
  };

  return {
    name,
    good: goodOrder,
    attributes: 'bytes',
    type: contract.name,
    largest: { bytes: 1024 * 1024, reason: 'body_of_at_most_1_mib' },
    largestHeaders: { bytes: 64 * 1024, reason: 'headers_of_at_most_64_kib' },
    open: async () => {
      database = await TrialDatabase.create([OWNER]);
      victim = await Instance.start(OWNER, `${OWNER}-1`, placeIn(database), [
        handlerOf(contract, handled),
      ]);
      const url = new URL(database.url(OWNER));
      attacker = new Client(
        who === 'service'
          ? url.href
          : Object.assign(new URL(process.env.PARLEY_TEST_POSTGRES!), { pathname: url.pathname })
              .href,
      );
      await attacker.connect();
    },
    close: async () => {
      await attacker.end();
      await victim.stop();
      await database.drop();
    },
    send: async (body, attributes) => {
      const id = randomUUID();
      const before = handled.entries.length;
      const headers = Buffer.isBuffer(attributes)
        ? attributes
        : Buffer.from(JSON.stringify(attributes));
      const written = await put(id, headers, body).catch((error: Error) => error);
      if (written instanceof DatabaseError) return { refused: written.message };
      return eventually(async () => {
        if (handled.entries.length > before) return 'taken' as const;
        const letter = await nextDead();
        if (!letter) return undefined;
        known++;
        expect(Buffer.from(letter.body).equals(body)).toBe(true);
        expect(letter.failure.tries).toBe(0);
        return { refused: `${letter.failure.error}: ${letter.failure.message}` };
      }, 'what becomes of a hostile message');
    },
    neighbour: async () => {
      const before = handled.entries.length;
      const id = randomUUID();
      await put(
        id,
        Buffer.from(JSON.stringify({ id, type: contract.name })),
        Buffer.from(JSON.stringify(goodOrder.payload)),
      );
      await handled.reach(before + 1);
    },
  };
}

function placeIn(database: TrialDatabase): Instance['place'] {
  const dataSource = database.dataSource(OWNER);
  const url = database.url(OWNER);
  return {
    options: {
      urls: { commands: url, events: url },
      technologies: [postgres],
      store: new PostgresStore(dataSource, { service: OWNER }),
    },
    kill: () => 0,
    alive: () => true,
    close: async () => void (dataSource.isInitialized && (await dataSource.destroy())),
  };
}

function handlerOf(contract: Contract, handled: Recorder<string>): Type {
  @Controller()
  class Victim {
    async handle(order: GoodOrder): Promise<void> {
      handled.note(order.name);
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Victim.prototype, 'handle')!;
  Handles(contract as never)(Victim.prototype, 'handle', descriptor as never);
  Object.defineProperty(Victim.prototype, 'handle', descriptor);
  if (contract.kind === 'event') Subscription('hearing')(Victim);
  return Victim;
}

hostileSuite(wayIn('rows in the queue', Reserve, 'superuser', INTO_QUEUE));
hostileSuite(wayIn('the function that sends', Reserve, 'service', SEND));
hostileSuite(wayIn('rows in the log', Placed, 'superuser', INTO_LOG));
hostileSuite(wayIn('the function that publishes', Placed, 'service', PUBLISH));
