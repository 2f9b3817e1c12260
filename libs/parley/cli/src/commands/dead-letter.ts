import { z } from 'zod';

/** The way of a key in a subscription, of which the letter is a part. */
const Lane = z.looseObject({
  key: z.string(),
  held: z.boolean(),
  heldBy: z.string().optional(),
  waiting: z.number(),
});

/** The preview of a replay. */
export const Preview = z.looseObject({
  letter: z.string(),
  contract: z.string(),
  handler: z.string().optional(),
  expect: z.string(),
  why: z.string(),
  lane: Lane.optional(),
});
export type Preview = z.infer<typeof Preview>;

/** A dead letter as operations tell it. */
export const DeadLetter = z.looseObject({
  id: z.string(),
  subscription: z.string(),
  headers: z.record(z.string(), z.string()),
  body: z.string().optional(),
  bodyBase64: z.string().optional(),
  failure: z.looseObject({
    error: z.string(),
    message: z.string(),
    stack: z.string().optional(),
    tries: z.number(),
    instance: z.string(),
    firstFailedAt: z.string(),
  }),
  died: z.string(),
  holds: z.boolean(),
  edits: z.number(),
  group: z.string(),
});
export type DeadLetter = z.infer<typeof DeadLetter>;

export const DeadLetterWithPreview = DeadLetter.extend({ replay: Preview });
export type DeadLetterWithPreview = z.infer<typeof DeadLetterWithPreview>;

/** A letter as a row of `--json`. */
export const rowOf = (service: string, letter: DeadLetter) => ({
  letter: `${service}/${letter.id}`,
  service,
  died: letter.died,
  contract: letter.headers['type'] ?? '',
  subscription: letter.subscription,
  error: letter.failure.error,
  message: letter.failure.message,
  tries: letter.failure.tries,
  edits: letter.edits,
  holdsLane: letter.holds,
  group: letter.group,
});

export const NONE = 'There are no dead letters of that kind.';
