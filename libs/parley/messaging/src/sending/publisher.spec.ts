import { broadcast, command, type Contract } from '@parley/contract';
import { MemoryStore } from '@parley/memory';
import { z } from 'zod';
import { PayloadProcessor } from '../payload/payload-processor';
import type { OutgoingMessage } from '../message/message';
import { NoRouteError, Publisher } from './publisher';
import { PartlyPublishedError, UnpublishedError } from '../ports/publish-errors';
import { OutageError } from '../ports/outage';
import type { Store } from '../ports/store';
import type { Transport } from '../ports/transport';

const Remind = command('desk.remind-clerk', z.object({ n: z.int() }));
const Rang = broadcast('desk.bell-rang', z.object({ n: z.int() }));
const message = (
  id: string,
  delay?: number,
  contract: Contract = Remind,
  partitionkey?: string,
): OutgoingMessage =>
  ({
    contract,
    envelope: { specversion: '1.0', id, type: contract.name, source: '/desk', partitionkey },
    body: Buffer.from('{"n":1}'),
    delay,
  }) as OutgoingMessage;

let store: MemoryStore;
let published: string[];

beforeEach(() => ([store, published] = [new MemoryStore(), []]));

function publisher(delays: Transport['delays'], hasOutbox = true): Publisher {
  const publish = async (messages: readonly OutgoingMessage[]) =>
    void published.push(...messages.map(({ envelope: { id } }) => id));
  const transport = { technology: 'plain', delays, publish } as unknown as Transport;
  return new Publisher(
    { of: () => transport, all: () => [] },
    hasOutbox ? store : undefined,
    new PayloadProcessor(undefined, undefined),
  );
}

describe('a delayed message', () => {
  it('waits in the outbox where the technology cannot hold it back, and what is not delayed goes', async () => {
    await publisher(false).now([
      message('later', 60_000),
      message('at once'),
      message('no delay', 0),
    ]);
    expect(published).toEqual(['at once', 'no delay']);
    expect(await store.outbox.due(10)).toEqual([]);
    const { waiting, nextDue } = await store.outbox.state();
    expect(waiting).toBe(1);
    expect(nextDue).toBeGreaterThan(50_000);
  });

  it('goes to a technology that holds it back itself', async () => {
    await publisher(true).now([message('later', 60_000)]);
    expect(published).toEqual(['later']);
    expect(await store.outbox.state()).toMatchObject({ waiting: 0 });
  });

  it('waits in the outbox when it has a key, where the technology would not keep the order of the key', async () => {
    const [keyed, keyless] = [message('keyed', 60_000, Remind, 'k'), message('keyless', 60_000)];
    const at = message('at once', 0, Remind, 'k');
    await publisher('without a key').now([keyed, keyless, at]);
    expect(published).toEqual(['keyless', 'at once']);
    expect(await store.outbox.state()).toMatchObject({ waiting: 1 });
  });

  it('goes to such a technology where there is no outbox', async () => {
    await publisher('without a key', false).now([message('keyed', 60_000, Remind, 'k')]);
    expect(published).toEqual(['keyed']);
  });
});

it('a technology with nothing to publish is not asked, and one with a database of its own is not joined', async () => {
  const publish = jest.fn(async () => undefined);
  const transport = { technology: 'plain', delays: false, publish } as unknown as Transport;
  const routes = { of: () => transport, all: () => [transport] };
  const plain = new Publisher(routes, store, new PayloadProcessor(undefined, undefined));
  await plain.connect();
  await plain.now([message('later', 60_000)]);
  expect(publish).not.toHaveBeenCalled();
  expect(plain.joins(transport)).toBe(false);
});

it('a refusal of its technology is told where the message is sent: nothing was stored', async () => {
  const publish = () => Promise.reject(new UnpublishedError('the queue is full'));
  const transport = { technology: 'plain', publish } as unknown as Transport;
  const routes = { of: () => transport, all: () => [transport] };
  const plain = new Publisher(routes, store, new PayloadProcessor(undefined, undefined));
  await expect(plain.send(message('one'))).rejects.toMatchObject({
    name: 'NotStoredError',
    message: 'the queue is full',
  });
});

class DeskAwayError extends OutageError {
  override readonly effect = 'none';
}

it('an outage that the technology or the store recognizes is told where the message is sent', async () => {
  const outage = (error: unknown) =>
    (error as Error).message === 'hung up' ? new DeskAwayError('the desk is away') : undefined;
  const sendOn = (transport: object, own: object = {}) =>
    new Publisher(
      { of: () => transport as Transport, all: () => [] },
      own as Store,
      new PayloadProcessor(undefined, undefined),
    ).send(message('one'));
  const publish = () => Promise.reject(new Error('hung up'));
  const told = { name: 'NotStoredError', message: 'the desk is away' };
  await expect(sendOn({ publish, outage })).rejects.toMatchObject(told);
  await expect(sendOn({ publish }, { outage })).rejects.toMatchObject(told);
  await expect(sendOn({ publish })).rejects.toThrow('hung up');
});

it('a message that nothing carries is refused before its transaction goes on', () => {
  const nowhere = new Publisher(
    { of: () => undefined, all: () => [] },
    store,
    new PayloadProcessor(undefined, undefined),
  );
  expect(() => nowhere.assertSendable(message('one'))).toThrow(NoRouteError);
});

it('without a store, a message that must wait somewhere is refused', async () => {
  const transport = { technology: 'plain', publish: async () => undefined } as unknown as Transport;
  const storeless = new Publisher(
    { of: () => transport, all: () => [transport] },
    undefined,
    new PayloadProcessor(undefined, undefined),
  );
  await storeless.connect();
  await expect(storeless.now([message('later', 60_000)])).rejects.toThrow(
    'this service has no store to keep messages in; give MessagingModule one',
  );
});

describe('messages of one technology', () => {
  const one = message('one');
  const other = message('other');
  const failuresOf = async (error?: unknown) => {
    const publish = () => (error === undefined ? Promise.resolve() : Promise.reject(error));
    const transport = { technology: 'plain', publish } as unknown as Transport;
    return [...(await publisher(true).each(transport, [one, other]))];
  };

  it('fail together, unless it tells which of them failed', async () => {
    const error = new Error('nobody there');
    expect(await failuresOf()).toEqual([]);
    expect(await failuresOf(error)).toEqual([
      [one, error],
      [other, error],
    ]);
    expect(await failuresOf(new PartlyPublishedError(new Map([[other, error]])))).toEqual([
      [other, error],
    ]);
  });
});

describe('a transaction', () => {
  const stored = [message('a'), message('rang', undefined, Rang), message('b')];
  let appended: string[];
  let woken: string[];

  /** A technology that stores its messages in the database `home`. */
  async function inDatabase(home: Store): Promise<[Publisher, Transport]> {
    const idsOf = (messages: readonly OutgoingMessage[]) =>
      messages.map(({ envelope: { id } }) => id);
    const transport = {
      technology: 'database',
      local: {
        sharesDatabaseWith: async (other: Store) => other === home,
        append: async (_: unknown, messages: readonly OutgoingMessage[]) =>
          void appended.push(...idsOf(messages)),
        wake: (messages: readonly OutgoingMessage[]) => void woken.push(...idsOf(messages)),
      },
    } as unknown as Transport;
    const routes = { of: () => transport, all: () => [transport] };
    const joining = new Publisher(routes, store, new PayloadProcessor(undefined, undefined));
    await joining.connect();
    return [joining, transport];
  }
  const inOutbox = async () => (await store.outbox.due(9)).map(({ headers: { id } }) => id);

  beforeEach(() => ([appended, woken] = [[], []]));

  it('stores its messages in the technology itself where that is its own database, and broadcasts in the outbox', async () => {
    const [joining, transport] = await inDatabase(store);
    await store.transaction((tx) => joining.join(tx, stored));
    expect([joining.joins(transport), appended, await inOutbox()]).toEqual([
      true,
      ['a', 'b'],
      ['rang'],
    ]);
    joining.wake(stored);
    expect(woken).toEqual(['a', 'b']);
  });

  it('stores all of its messages in the outbox where it is another database', async () => {
    const [joining, transport] = await inDatabase(new MemoryStore());
    await store.transaction((tx) => joining.join(tx, stored));
    expect([joining.joins(transport), appended, await inOutbox()]).toEqual([
      false,
      [],
      ['a', 'rang', 'b'],
    ]);
    joining.wake(stored);
    expect(woken).toEqual([]);
  });
});
