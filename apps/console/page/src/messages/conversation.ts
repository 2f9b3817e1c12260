import type { Handling, KeptMessage } from '../api/types';
import { fatesOf } from './outcomes';

/** A message on its way from one service to another. */
interface Arrow {
  readonly message: KeptMessage;
  readonly from: string;
  readonly to: string;
  /** Its last handling there. */
  readonly handling: Handling;
}

export interface Sequence {
  /** In the order in which they appear. */
  readonly services: readonly string[];
  readonly arrows: readonly Arrow[];
}

/** Arrows of a sequence diagram, in the order of sending. */
export function sequenceOf(messages: readonly KeptMessage[]): Sequence {
  const arrows = messages.flatMap((message) =>
    [...fatesOf(message)]
      .sort((a, b) => (a.at < b.at ? -1 : 1))
      .map((handling) => ({ message, from: message.source, to: handling.service, handling })),
  );
  return { services: [...new Set(arrows.flatMap(({ from, to }) => [from, to]))], arrows };
}

/** A message with those that its handling sent. */
export interface Cause {
  readonly message: KeptMessage;
  readonly effects: readonly Cause[];
}

/**
 * A tree of causes. Roots are messages whose cause is not among these: a request from outside, or a
 * message that is not kept any more.
 */
export function causesIn(messages: readonly KeptMessage[]): readonly Cause[] {
  const ids = new Set(messages.map(({ id }) => id));
  const effects = new Map<string, KeptMessage[]>();
  const roots: KeptMessage[] = [];
  for (const message of messages) {
    const { causation, id } = message;
    if (causation === null || causation === id || !ids.has(causation)) roots.push(message);
    else effects.set(causation, [...(effects.get(causation) ?? []), message]);
  }
  const seen = new Set<string>();
  const causeOf = (message: KeptMessage): Cause => {
    seen.add(message.id);
    return {
      message,
      effects: (effects.get(message.id) ?? []).filter(({ id }) => !seen.has(id)).map(causeOf),
    };
  };
  const known = roots.map(causeOf);
  // Forged ids may form a ring, which has no beginning.
  const rest = messages.filter(({ id }) => !seen.has(id)).slice(0, 1);
  return [...known, ...rest.map(causeOf)];
}
