import { broadcast, call, command, event } from '@parley/contract';
import { memory, MemoryBroker, MemoryStore, type MemoryTx } from '@parley/memory';
import { VirtualClock } from '@parley/testing';
import { z } from 'zod';
import { InvalidMessageError } from '../message/codec';
import { Messaging } from '../messaging';
import { CallInTransactionError, NotOwnerError } from './messenger';
import type { OutgoingMessage } from '../message/message';
import {
  type HandlerRun,
  HandlerRuns,
  HandlerTimeoutError,
  type RunFacts,
} from '../delivery/handler-runs';
import { PayloadProcessor } from '../payload/payload-processor';
import type { Transport } from '../ports/transport';
import { NoRouteError, Publisher } from './publisher';
import { NoTransactionError, Transactions } from './transactions';

const Parcel = z.object({ parcel: z.string() });
const Weigh = command('carrier.weigh-parcel', Parcel, { key: 'parcel' });
const Weighed = event('carrier.parcel-weighed', Parcel, { key: 'parcel' });
const Beeped = broadcast('carrier.scale-beeped', Parcel);
const Ask = call('carrier.ask-weight', { request: Parcel, reply: Parcel });
const Paid = event('bank.bill-paid', Parcel, { key: 'parcel' });

const URL = 'memory://transactions';
const a = { parcel: 'a' };
const b = { parcel: 'b' };

let published: OutgoingMessage[];
let store: MemoryStore;
let carrier: Messaging;

function carrierWith(options: Partial<ConstructorParameters<typeof Messaging>[0]> = {}): Messaging {
  const urls = { commands: URL, events: URL, broadcasts: URL, calls: () => URL };
  return new Messaging({
    service: 'carrier',
    instance: 'carrier-1',
    build: 'test',
    urls,
    technologies: [memory],
    store,
    log: () => {},
    ...options,
  });
}

beforeEach(() => {
  MemoryBroker.forget(URL);
  published = [];
  store = new MemoryStore();
  carrier = carrierWith();
  MemoryBroker.at(URL, carrier.clock).witnesses.add((message) => published.push(message));
});

const stored = async () =>
  (await store.outbox.due(100)).map(({ contract, headers }) =>
    `${contract} ${headers.partitionkey ?? ''}`.trim(),
  );
const sent = () => published.map(({ contract }) => contract.name);

describe('in a transaction', () => {
  it('what is said is stored in its order by the transaction, and nothing is published before', async () => {
    const { transactions, messenger } = carrier;
    await transactions.run(async () => {
      await messenger.send(Weigh, b);
      await messenger.publish(Weighed, a);
      await messenger.broadcast(Beeped, a);
      expect(store.outbox.unsettled()).toEqual([]);
    });
    expect(await stored()).toEqual([
      'carrier.weigh-parcel b',
      'carrier.parcel-weighed a',
      'carrier.scale-beeped',
    ]);
    expect(sent()).toEqual([]);
  });

  it('that fails, nothing of it is left behind', async () => {
    const { transactions, messenger } = carrier;
    let weight = 0;
    const work = transactions.run(async (tx) => {
      weight = 5;
      (tx as unknown as MemoryTx).undo(() => (weight = 0));
      await messenger.send(Weigh, a);
      throw new Error('the scale broke');
    });
    await expect(work).rejects.toThrow('the scale broke');
    expect([weight, await stored(), sent()]).toEqual([0, [], []]);
  });

  it('what is said by code that knows nothing of it joins as well', async () => {
    const { transactions, messenger } = carrier;
    const innocent = async () => {
      await new Promise(setImmediate);
      await Promise.all([messenger.send(Weigh, a), messenger.send(Weigh, b)]);
    };
    await expect(
      transactions.run(() => innocent().then(() => Promise.reject(new Error('later')))),
    ).rejects.toThrow('later');
    expect([await stored(), sent()]).toEqual([[], []]);
  });

  it('another one that is opened is the same', async () => {
    const { transactions, messenger } = carrier;
    const work = transactions.run(async (tx) => {
      await transactions.run(async (inner) => {
        expect(inner).toBe(tx);
        expect(transactions.current()).toBe(tx);
        await messenger.send(Weigh, a);
      });
      throw new Error('outer');
    });
    await expect(work).rejects.toThrow('outer');
    expect(await stored()).toEqual([]);
  });

  it('a call is refused, for it would hold locks over the network', async () => {
    const { transactions, messenger } = carrier;
    const work = transactions.run(() => messenger.call(Ask, a));
    await expect(work).rejects.toThrow(CallInTransactionError);
    await expect(work).rejects.toThrow(
      'carrier.ask-weight is called while a transaction is open; call first',
    );
  });

  it('what is said outside of it stays said when it is rolled back', async () => {
    const { transactions, messenger } = carrier;
    const work = transactions.run(async () => {
      await messenger.outside.publish(Weighed, a);
      await messenger.outside.send(Weigh, a);
      await messenger.outside.broadcast(Beeped, a);
      await messenger.send(Weigh, b);
      throw new Error('rolled back');
    });
    await expect(work).rejects.toThrow('rolled back');
    expect(sent()).toEqual([
      'carrier.parcel-weighed',
      'carrier.weigh-parcel',
      'carrier.scale-beeped',
    ]);
    expect(await stored()).toEqual([]);
  });

  it('that is over nothing can be said any more by what it left running', async () => {
    const { transactions, messenger } = carrier;
    const forgotten: Promise<unknown>[] = [];
    const leaves = (ending: () => Promise<void>) =>
      transactions.run(async () => {
        forgotten.push(
          new Promise((resolve) => setTimeout(resolve, 1))
            .then(() => messenger.send(Weigh, a))
            .catch((error: unknown) => error),
        );
        await ending();
      });
    await leaves(async () => undefined);
    await leaves(() => Promise.reject(new Error('failed'))).catch(() => undefined);
    for (const error of await Promise.all(forgotten)) {
      expect(error).toBeInstanceOf(NoTransactionError);
      expect((error as Error).message).toContain('await everything that a handler starts');
    }
    expect([await stored(), sent()]).toEqual([[], []]);
  });

  it('one by one has its own messages, also when they run at the same time', async () => {
    const { transactions, messenger } = carrier;
    const fails = transactions.run(async () => {
      await messenger.send(Weigh, a);
      throw new Error('no');
    });
    const commits = transactions.run(() => messenger.send(Weigh, b));
    await Promise.allSettled([fails, commits]);
    expect(await stored()).toEqual(['carrier.weigh-parcel b']);
  });
});

describe('a technology in the same database', () => {
  it('stores what is said by the transaction, and hears of it after the commit only', async () => {
    const steps: string[] = [];
    const transport = {
      technology: 'local',
      local: {
        sharesDatabaseWith: async () => true,
        append: async () => void steps.push('stored'),
        wake: (messages: readonly OutgoingMessage[]) => void steps.push(`woken ${messages.length}`),
      },
    } as unknown as Transport;
    const publisher = new Publisher(
      { of: () => transport, all: () => [transport] },
      store,
      new PayloadProcessor(undefined, undefined),
    );
    await publisher.connect();
    const transactions = new Transactions(store, publisher);
    const message = {
      contract: Weigh,
      envelope: { id: '1', type: Weigh.name },
      body: Buffer.from('{}'),
    } as unknown as OutgoingMessage;
    await transactions.run(async () => {
      transactions.join(message);
      steps.push('said');
    });
    expect(steps).toEqual(['said', 'stored', 'woken 1']);
    const fails = transactions.commit(
      async () => void transactions.join(message),
      () => Promise.reject(new Error('not acknowledged')),
    );
    await expect(fails).rejects.toThrow('not acknowledged');
    expect(steps.slice(3)).toEqual(['stored']);
  });
});

describe('a handler that was ended', () => {
  it('is told so when it says more in its transaction', async () => {
    const clock = new VirtualClock();
    const { transactions, messenger } = carrier;
    const runs = new HandlerRuns(clock, () => undefined, 1_000);
    const facts = {
      kind: 'command',
      contract: Weigh.name,
      id: '1',
      what: 'Scale.weigh',
      timeout: 1_000,
    };
    let told: unknown;
    const ended = runs.bounded(facts as RunFacts, (run) =>
      transactions.commit(
        async () => {
          await new Promise<void>((resolve) => clock.after(5_000, resolve));
          told = await messenger.send(Weigh, a).catch((error: unknown) => error);
        },
        undefined,
        run,
      ),
    );
    await Promise.all([expect(ended).rejects.toThrow(HandlerTimeoutError), clock.advance('5s')]);
    expect(told).toBeInstanceOf(HandlerTimeoutError);
    expect([await stored(), sent()]).toEqual([[], []]);
  });

  it('sends and calls nothing any more where no transaction is open', async () => {
    const { transactions, messenger } = carrier;
    const ended = {
      refuseIfEnded: () => {
        throw new Error('it was ended');
      },
    } as unknown as HandlerRun;
    const says: readonly (() => Promise<unknown>)[] = [
      () => messenger.send(Weigh, a),
      () => messenger.outside.send(Weigh, a),
      () => messenger.call(Ask, a),
    ];
    for (const say of says)
      await expect(transactions.during(ended, say)).rejects.toThrow('it was ended');
    expect([await stored(), sent()]).toEqual([[], []]);
  });

  it('opens no transaction any more, outside of its own neither', async () => {
    const { transactions } = carrier;
    const ended = {
      refuseIfEnded: () => {
        throw new Error('it was ended');
      },
    } as unknown as HandlerRun;
    const opens = () => transactions.run(async () => undefined);
    await expect(transactions.during(ended, opens)).rejects.toThrow('it was ended');
    await expect(transactions.during(ended, () => transactions.outside(opens))).rejects.toThrow(
      'it was ended',
    );
    await opens();
  });
});

describe('without a transaction', () => {
  it('what is said is with the technology when the promise resolves', async () => {
    await carrier.messenger.send(Weigh, a);
    expect([sent(), await stored()]).toEqual([['carrier.weigh-parcel'], []]);
  });

  it('what is said outside of one is no different', async () => {
    await carrier.messenger.outside.send(Weigh, a);
    expect([sent(), await stored()]).toEqual([['carrier.weigh-parcel'], []]);
  });

  it('there is none to be had', () => {
    expect(() => carrier.transactions.current()).toThrow(
      'no transaction is open here; wrap the work in transactions.run(…)',
    );
    expect(carrier.transactions.isOpen()).toBe(false);
  });
});

describe('a service', () => {
  it('cannot say the events or broadcasts of another', async () => {
    const publish = carrier.messenger.publish(Paid, a);
    await expect(publish).rejects.toThrow(NotOwnerError);
    await expect(publish).rejects.toThrow('bank.bill-paid is for bank to publish, not for carrier');
    await expect(carrierWith({ service: 'bank' }).messenger.broadcast(Beeped, a)).rejects.toThrow(
      'carrier.scale-beeped is for carrier to broadcast, not for bank',
    );
    expect(sent()).toEqual([]);
  });

  it('may send the commands of another', async () => {
    await carrierWith({ service: 'bank' }).messenger.send(Weigh, a);
    expect(published[0]!.envelope.source).toBe('/bank');
  });

  it('is told at once, inside its transaction, what cannot be said', async () => {
    const { messenger, transactions } = carrierWith({ urls: { commands: URL } });
    const work = transactions.run(async () => {
      await expect(messenger.publish(Weighed, a)).rejects.toThrow(NoRouteError);
      await expect(messenger.publish(Weighed, a)).rejects.toThrow(
        'carrier.parcel-weighed: nothing carries events; set EVENTS_URL',
      );
      await expect(messenger.send(Weigh, { parcel: 5 } as never)).rejects.toThrow(
        InvalidMessageError,
      );
    });
    await work;
    expect(await stored()).toEqual([]);
  });

  it('without a store says things, but has no transactions', async () => {
    const { messenger, transactions } = carrierWith({ store: undefined });
    await messenger.publish(Weighed, a);
    expect(sent()).toEqual(['carrier.parcel-weighed']);
    await expect(transactions.run(async () => undefined)).rejects.toThrow(
      'this service has no store',
    );
  });
});

describe('a URL', () => {
  it.each([
    [
      { commands: 'carrier-pigeon://roof' },
      'COMMANDS_URL: "carrier-pigeon" names no technology; use one of memory://',
    ],
    [{ events: 'roof' }, 'EVENTS_URL: "" names no technology'],
  ])('that nothing serves is refused at start: %j', (urls, sentence) => {
    expect(() => carrierWith({ urls })).toThrow(sentence);
  });

  it('that its technology cannot read is refused at start, with the variable that holds it', () => {
    const open = () => {
      throw new TypeError('a radio URL has no option "colour"; it has fm');
    };
    const radio = { name: 'radio', schemes: ['radio'], kinds: ['command' as const], open };
    const starting = () =>
      carrierWith({ urls: { commands: 'radio://fm?colour=blue' }, technologies: [memory, radio] });
    expect(starting).toThrow(
      expect.objectContaining({
        name: 'UnusableUrlError',
        message: 'COMMANDS_URL: a radio URL has no option "colour"; it has fm',
      }),
    );
  });

  it('of a technology that cannot carry the kind is refused at start', () => {
    const radio = {
      name: 'radio',
      schemes: ['radio'],
      kinds: ['broadcast' as const],
      open: () => ({}) as never,
    };
    expect(() =>
      carrierWith({ urls: { commands: 'radio://fm' }, technologies: [memory, radio] }),
    ).toThrow(
      'COMMANDS_URL: radio cannot carry commands; use memory:// or another technology that can',
    );
  });
});
