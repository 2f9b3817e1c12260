import { z } from 'zod';
import { moment } from '../output/table';

export const Handling = z.looseObject({
  at: z.string(),
  service: z.string(),
  subscription: z.string(),
  instance: z.string().nullable(),
  build: z.string().nullable(),
  outcome: z.string(),
  attempt: z.number(),
  tries: z.number(),
  took: z.number(),
  waited: z.number(),
  error: z.string().nullable(),
  reason: z.string().nullable(),
});

/** A message that the console keeps. */
export const Message = z.looseObject({
  id: z.string(),
  sent: z.string(),
  contract: z.string(),
  kind: z.string(),
  source: z.string(),
  instance: z.string().nullable(),
  build: z.string().nullable(),
  key: z.string().nullable(),
  correlation: z.string().nullable(),
  causation: z.string().nullable(),
  trace: z.string().nullable(),
  headers: z.record(z.string(), z.string()).nullable(),
  body: z.string().nullable(),
  handlings: z.array(Handling),
});
export type Message = z.infer<typeof Message>;

const GOOD = ['done', 'ok', 'duplicate'];
export const isBad = ({ outcome }: Pick<z.infer<typeof Handling>, 'outcome'>): boolean =>
  !GOOD.includes(outcome);

/** Its outcomes, one for each subscription: `notifications.mails dead TypeError`. */
export function fatesOf({ handlings }: Pick<Message, 'handlings'>): readonly string[] {
  const last = new Map(handlings.map((handling) => [handling.subscription, handling]));
  return [...last.values()].map(({ subscription, outcome, error }) =>
    [subscription, outcome, error].filter(Boolean).join(' '),
  );
}

/** Its row in lists. */
export const cellsOf = (message: Message): readonly string[] => [
  moment(message.sent),
  message.contract,
  message.key ?? '',
  message.source,
  fatesOf(message).join(', '),
  message.id,
];
export const HEADER = ['sent', 'contract', 'key', 'by', 'handled', 'message'];
