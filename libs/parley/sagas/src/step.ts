import type { Broadcast, Command, Event, MessageInput } from '@parley/contract';
import type { SendOptions } from '@parley/messaging';

/**
 * A step's decision: the new state, whether the saga is over, and the messages to send, in this
 * order.
 */
export interface Step<S> {
  readonly state: S;
  readonly done: boolean;
  /** False: the message told the saga nothing new, and nothing is stored. */
  readonly changed: boolean;
  readonly out: readonly Outgoing[];
}

/** Of a command that a step sends. */
export type SayOptions = Pick<SendOptions, 'delay' | 'passDeadLetters'>;

/**
 * Something a step says. A value: it is the module that says it, in the transaction that stores the
 * state.
 */
export type Outgoing =
  | {
      readonly verb: 'send';
      readonly contract: Command;
      readonly message: object;
      readonly options: SayOptions;
    }
  | { readonly verb: 'publish'; readonly contract: Event; readonly message: object }
  | { readonly verb: 'broadcast'; readonly contract: Broadcast; readonly message: object }
  | { readonly verb: 'execute'; readonly command: object };

/** Goes on with this state. */
export const next = <S>(state: S, ...out: Outgoing[]): Step<S> => ({
  state,
  done: false,
  changed: true,
  out,
});

/** The last step: later messages and every timeout of this saga are ignored. */
export const end = <S>(state: S, ...out: Outgoing[]): Step<S> => ({
  state,
  done: true,
  changed: true,
  out,
});

/** Nothing changes and nothing is said: an answer that came late, or twice. */
export const stay = <S>(state: S): Step<S> => ({ state, done: false, changed: false, out: [] });

export const send = <C extends Command>(
  contract: C,
  message: MessageInput<C>,
  options: SayOptions = {},
): Outgoing => ({
  verb: 'send',
  contract,
  message: message as object,
  options,
});

export const publish = <C extends Event>(contract: C, message: MessageInput<C>): Outgoing => ({
  verb: 'publish',
  contract,
  message: message as object,
});

export const broadcast = <C extends Broadcast>(
  contract: C,
  message: MessageInput<C>,
): Outgoing => ({
  verb: 'broadcast',
  contract,
  message: message as object,
});

/** Runs a local @nestjs/cqrs command; its handler works in the saga's own transaction. */
export const execute = (command: object): Outgoing => ({ verb: 'execute', command });

/** For the history: `inventory.reserve-stock`, or the command's class. */
export const nameOf = (outgoing: Outgoing): string =>
  outgoing.verb === 'execute' ? outgoing.command.constructor.name : outgoing.contract.name;

/**
 * A timeout's name for good, in the database and in the history: as given, or for the stage it
 * belongs to.
 */
export const timeoutName = (what: string | { readonly in: string }): string =>
  typeof what === 'string' ? what : `in ${what.in}`;
