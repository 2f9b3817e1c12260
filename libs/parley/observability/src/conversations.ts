import type { Envelope } from '@parley/messaging';
import type { DeliveryObserver } from '@parley/messaging/transport';

/** One thing this process did in a conversation. */
export interface Turn {
  readonly kind: 'call' | 'command' | 'broadcast' | 'event';
  readonly contract: string;
  /** The service that said it. */
  readonly from: string;
  /** The service or subscription that handled it. */
  readonly to: string;
  readonly messageId: string;
  readonly causationId?: string;
  /** When it was said, ISO 8601. */
  readonly said: string;
  /** Milliseconds it waited before its handling began, and that the handling took. */
  readonly waited: number;
  readonly took: number;
  readonly outcome: string;
  readonly tries: number;
}

/** Messages kept: enough for a look at the present; traces and logs keep the past. */
const KEPT = 5_000;

/**
 * Messages that this process handled last, by conversation, so that people can follow one. A ring
 * in memory: writing to it costs next to nothing, and a restart forgets it.
 */
export class Conversations {
  private readonly ring: (Turn & { readonly conversation: string })[] = [];
  private next = 0;

  constructor(private readonly service: string) {}

  readonly observer: DeliveryObserver = {
    handled: ({ kind, contract, subscription, outcome, tries, milliseconds, age, envelope }) => {
      if (envelope)
        this.keep(envelope, {
          kind,
          contract,
          to: subscription,
          outcome,
          tries,
          took: milliseconds,
          waited: age - milliseconds,
        });
    },
    answered: ({ contract, outcome, milliseconds, envelope }) => {
      if (envelope)
        this.keep(envelope, {
          kind: 'call',
          contract,
          to: this.service,
          outcome,
          tries: 1,
          took: milliseconds,
          waited: 0,
        });
    },
  };

  /** In the order in which they were said. */
  of(conversation: string): Turn[] {
    return this.ring
      .filter((turn) => turn.conversation === conversation)
      .sort((a, b) => (a.said < b.said ? -1 : 1));
  }

  private keep(
    envelope: Envelope,
    turn: Omit<Turn, 'from' | 'messageId' | 'causationId' | 'said'>,
  ): void {
    this.ring[this.next] = {
      ...turn,
      waited: Math.max(0, turn.waited),
      conversation: envelope.correlationid,
      from: envelope.source.slice(1),
      messageId: envelope.id,
      causationId: envelope.causationid,
      said: envelope.time,
    };
    this.next = (this.next + 1) % KEPT;
  }
}

/** Tells several observers. */
export const observers = (...all: readonly DeliveryObserver[]): DeliveryObserver => ({
  handled: (handling) => all.forEach((one) => one.handled?.(handling)),
  called: (call) => all.forEach((one) => one.called?.(call)),
  calledAgain: (contract, why) => all.forEach((one) => one.calledAgain?.(contract, why)),
  sent: (sending) => all.forEach((one) => one.sent?.(sending)),
  answered: (call) => all.forEach((one) => one.answered?.(call)),
  relayed: (messages) => all.forEach((one) => one.relayed?.(messages)),
  missed: (contract, messages) => all.forEach((one) => one.missed?.(contract, messages)),
});
