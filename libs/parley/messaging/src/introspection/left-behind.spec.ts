import type { Carrier, Unread } from '../ports/carriers';
import type { HandlerRegistry } from '../handlers/handler-registry';
import { warnOfMessagesLeftBehind } from './left-behind';
import type { Routes } from '../sending/routes';
import type { Store } from '../ports/store';

const kafka = { technology: 'kafka', address: '127.0.0.1:9092' };
const own = {
  technology: 'postgres',
  address: '127.0.0.1:5432/orders',
  local: { sharesDatabaseWith: async () => true },
};

/** The warnings of a start; the store answers with `former` and `unread`. */
async function warnings({
  events = kafka as object,
  live = false,
  former = [] as readonly Carrier[],
  unread = [] as readonly Unread[],
}) {
  const noted: unknown[] = [];
  const sent: string[] = [];
  const carriers = {
    note: async (carried: unknown) => (
      noted.push(carried),
      former.map((one) => ({ ...one, since: new Date(0) }))
    ),
    unread: async () => unread,
  };
  await warnOfMessagesLeftBehind(
    { carriers } as unknown as Store,
    { ofKind: (kind: string) => (kind === 'event' ? events : undefined) } as unknown as Routes,
    {
      subscriptions: (kind: string) => (kind === 'event' ? [{ live }] : []),
    } as unknown as HandlerRegistry,
    (level, message) => sent.push(`${level}: ${message}`),
  );
  return { noted, sent };
}

describe('messages left behind by a change of technology', () => {
  const unread = [
    { kind: 'event', subscription: 'orders.fulfilment', messages: 12 },
    { kind: 'command', subscription: 'orders', messages: 3 },
  ] as const;

  it('are warned of where they wait, and where the former technology is', async () => {
    const { noted, sent } = await warnings({
      former: [{ kind: 'event', technology: 'kinesis', address: 'eu-west-1' }],
      unread,
    });
    expect(noted).toEqual([[{ kind: 'event', ...kafka }]]);
    expect(sent).toEqual([
      expect.stringMatching(
        /^warn: events came from kinesis at eu-west-1 since 1970-01-01T00:00:00.000Z, and come from kafka at 127.0.0.1:9092 now: .*former EVENTS_URL/,
      ),
      expect.stringMatching(
        /^warn: 12 events for orders.fulfilment wait unread in the service's own database, for EVENTS_URL names another technology/,
      ),
    ]);
  });

  it('are not told of when the own database only has another address, and counted there when it is not used any more', async () => {
    expect((await warnings({ events: own })).noted).toEqual([
      [{ kind: 'event', technology: 'postgres', address: "the service's own database" }],
    ]);
    const former = [
      { kind: 'event', technology: 'postgres', address: "the service's own database" },
    ] as const;
    expect((await warnings({ former })).sent).toEqual([]);
    expect((await warnings({ former, unread })).sent).toHaveLength(1);
  });

  it('are none where the own database carries them, and nothing is asked of a live tail', async () => {
    expect((await warnings({ events: own, unread })).sent).toEqual([]);
    expect(await warnings({ live: true, unread })).toEqual({ noted: [[]], sent: [] });
  });
});
