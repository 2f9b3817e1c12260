import type { Technology } from '@parley/messaging';
import type { Deliver, Outbox, StoredMessage, Transport } from '@parley/messaging/transport';
import type { CrashPlace } from './place';

/** Broken promises, to prove that the proof finds them. */
export const PLANTS = {
  'no-inbox': 'what was handled before is handled again',
  'early-acknowledgement': 'messages are acknowledged before their handling commits',
  'early-removal': 'messages leave the outbox before they are published',
} as const;

export type Plant = keyof typeof PLANTS;

export function planted(place: CrashPlace, plant: Plant): CrashPlace {
  if (plant === 'no-inbox')
    return {
      ...place,
      store: with_(place.store, {
        inbox: { record: async () => true, recordAll: async () => true },
      }),
    };
  if (plant === 'early-removal')
    return { ...place, store: with_(place.store, { outbox: emptiedEarly(place.store.outbox) }) };
  return { ...place, technologies: place.technologies.map(acknowledgingEarly) };
}

/** The same object, but for some of its properties. */
const with_ = <T extends object>(object: T, instead: Partial<T>): T => {
  const other = Object.create(object) as T;
  for (const [name, value] of Object.entries(instead))
    Object.defineProperty(other, name, { value });
  return other;
};

const emptiedEarly = (outbox: Outbox): Outbox =>
  with_(outbox, {
    due: async (limit): Promise<readonly StoredMessage[]> => {
      const due = await outbox.due(limit);
      await outbox.remove(due.map(({ id }) => id));
      return due;
    },
  });

const acknowledgingEarly = (technology: Technology): Technology => ({
  ...technology,
  open: (url, context) => {
    const transport = technology.open!(url, context);
    const intake: Transport['consumer'] = (kind, registry, deliver) =>
      transport.consumer(kind, registry, early(deliver));
    return with_(transport, { consumer: intake });
  },
});

const early =
  (deliver: Deliver): Deliver =>
  async (delivery) => {
    void deliver({
      ...delivery,
      acknowledgeInTransaction: undefined,
      batchAcknowledgement: undefined,
    });
    return { kind: 'done', settled: false };
  };
