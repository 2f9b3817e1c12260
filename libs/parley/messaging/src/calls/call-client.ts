import type { Call, ItemOf, MessageInput, Question, ReplyOf, Stream } from '@parley/contract';
import type { z } from 'zod';
import { Deadline, DeadlineExceededError, type Priority } from '@parley/resilience';
import { systemClock } from '../clock';
import { callError, CallError } from './call-error';
import {
  type CallFault,
  CallNotAllowedError,
  ReplyLostError,
  OwnerUnavailableError,
  type CallResult,
  type CallTransport,
  type OutgoingCall,
} from '../ports/call-transport';
import { decode, prepare, validate } from '../message/codec';
import { type Conversation, currentConversation } from '../message/handler-context';
import type { Envelopes } from '../message/envelope';
import { headersOf } from '../message/message';
import type { DeliveryObserver } from '../ports/observer';
import type { TraceContext } from '../message/trace';
import type { Span, Tracing } from '../ports/tracing';
import { noteEffect } from '../ports/outage';
import { IdempotencyConflictError } from '../ports/idempotency-store';
import type { CallTarget } from './resilience/call-target';
import { CallTargets } from './resilience/call-targets';
import { type CallerTokens, NOT_ALLOWED, withToken } from './security/callers';
import { CallTries } from './resilience/call-tries';
import { substituteFor } from './resilience/substitute';
import { LOST, NOT_HANDLED } from './resilience/tried';
import { StreamReader } from './streams/stream-reader';

export interface CallOptions {
  /**
   * Milliseconds; never longer than the remaining budget of the call being answered. Default: the
   * contract's.
   */
  readonly deadline?: number;
  readonly signal?: AbortSignal;
  readonly idempotencyKey?: string;
  /** Default: that of the message or call being handled, else interactive. */
  readonly priority?: Priority;
}

/** The calling side of calls: every call has a deadline. */
export class CallClient {
  private readonly tries?: CallTries;

  constructor(
    private readonly transport: CallTransport | undefined,
    private readonly envelopes: Envelopes,
    private readonly observer?: DeliveryObserver,
    private readonly targets = new CallTargets(systemClock),
    private readonly tokens?: CallerTokens,
    private readonly tracing?: Tracing,
  ) {
    const triedAgain = (contract: string, why: 'retry' | 'hedge') =>
      observer?.calledAgain?.(contract, why);
    this.tries = transport && new CallTries(transport, triedAgain);
  }

  async call<C extends Call>(
    contract: C,
    request: MessageInput<C>,
    options: CallOptions = {},
  ): Promise<ReplyOf<C>> {
    const started = performance.now();
    const observe = (outcome: string) =>
      this.observer?.called?.({
        contract: contract.name,
        outcome,
        milliseconds: performance.now() - started,
      });
    try {
      const { reply, outcome } = await (this.tracing && this.transport
        ? this.traced(this.tracing, this.transport, contract, request, options)
        : this.ask(contract, request, options));
      observe(outcome);
      return reply;
    } catch (error) {
      observe(outcomeOf(error));
      throw error;
    }
  }

  /** Sends nothing before the first item is asked for. */
  stream<C extends Stream>(
    contract: C,
    request: MessageInput<C>,
    options: Omit<CallOptions, 'idempotencyKey'> = {},
    refuse: () => void = () => undefined,
  ): AsyncIterableIterator<ItemOf<C>> {
    const conversation = currentConversation();
    let started = 0;
    let span: Span | undefined;
    return new StreamReader<ItemOf<C>>(contract, {
      open: async (given) => {
        started = performance.now();
        refuse();
        if (!this.tries) throw new OwnerUnavailableError(contract, 'CALLS_URL is not set');
        const signal = options.signal ? AbortSignal.any([options.signal, given]) : given;
        const asked = { ...options, signal };
        span = this.transport && this.tracing?.call(contract, this.transport.technology);
        const { call } = await this.outgoing(contract, request, asked, conversation, span?.context);
        const budget = call.deadline.budget();
        const opened = await this.tries.open(call, this.targets.of(contract));
        if (!opened.ok) throw errorOf(contract, opened.fault, budget);
        return opened.items;
      },
      errorOf: (fault) => errorOf(contract, fault, contract.deadline),
      read: (item) => read(contract, contract.item, item) as ItemOf<C>,
      ended: (error) => {
        const outcome = error === undefined ? 'ok' : outcomeOf(error);
        span?.end({ outcome, error: error === undefined ? undefined : outcome });
        this.observer?.called?.({
          contract: contract.name,
          outcome,
          milliseconds: performance.now() - started,
        });
      },
    });
  }

  /** One span for a call, however many requests it takes. */
  private async traced<C extends Call>(
    tracing: Tracing,
    { technology }: CallTransport,
    contract: C,
    request: MessageInput<C>,
    options: CallOptions,
  ): Promise<{ readonly reply: ReplyOf<C>; readonly outcome: string }> {
    const span = tracing.call(contract, technology);
    try {
      const result = await span.run(() => this.ask(contract, request, options, span.context));
      span.end({ outcome: result.outcome });
      return result;
    } catch (error) {
      const outcome = outcomeOf(error);
      span.end({ outcome, error: outcome });
      throw error;
    }
  }

  private async outgoing<C extends Question>(
    contract: C,
    request: MessageInput<C>,
    options: CallOptions,
    conversation: Conversation | undefined = currentConversation(),
    trace?: TraceContext,
  ): Promise<{ readonly payload: unknown; readonly call: OutgoingCall }> {
    const { payload, body } = prepare(contract.name, contract.payload, request);
    const deadline = Deadline.within(options.deadline ?? contract.deadline, conversation?.deadline);
    const { idempotencyKey, priority } = options;
    const headers = headersOf(
      this.envelopes.write(contract, payload, { idempotencyKey, priority, trace }),
    );
    const call: OutgoingCall = {
      contract,
      headers: this.tokens ? await withToken(headers, contract, this.tokens) : headers,
      body,
      deadline,
      signal: either(options.signal, conversation?.signal),
      tried: new Set(),
    };
    return { payload, call };
  }

  private async ask<C extends Call>(
    contract: C,
    request: MessageInput<C>,
    options: CallOptions,
    trace?: TraceContext,
  ): Promise<{ readonly reply: ReplyOf<C>; readonly outcome: string }> {
    if (!this.tries) throw new OwnerUnavailableError(contract, 'CALLS_URL is not set');
    const { payload, call } = await this.outgoing(contract, request, options, undefined, trace);
    const target = this.targets.of(contract);
    try {
      const reply = await this.replyTo(call, target, this.tries, options.idempotencyKey);
      target.noteReply(call.body, reply);
      return { reply: read(contract, contract.reply, reply) as ReplyOf<C>, outcome: 'ok' };
    } catch (error) {
      const substitute = substituteFor(error, contract, call, target, payload);
      if (!substitute) throw error;
      return { ...substitute, reply: substitute.reply as ReplyOf<C> };
    }
  }

  /** The body of the reply. */
  private async replyTo(
    call: OutgoingCall,
    target: CallTarget,
    tries: CallTries,
    idempotencyKey: string | undefined,
  ): Promise<Buffer> {
    const { contract, deadline } = call;
    const budget = deadline.budget();
    const answer = await answerTo(call, target, tries);
    if (answer.ok) return answer.body;
    throw errorOf(contract, answer.fault, budget, idempotencyKey);
  }
}

/** The error for the caller. */
function errorOf(
  contract: Question,
  fault: CallFault,
  budget: number,
  idempotencyKey?: string,
): Error {
  if (fault.code === 'unavailable') return OwnerUnavailableError.lacking(contract, fault.message);
  if (fault.code === 'overloaded') return OwnerUnavailableError.overloaded(contract, fault.message);
  if (fault.code === NOT_ALLOWED) return new CallNotAllowedError(contract, fault.message);
  if (LOST.has(fault.code)) return new ReplyLostError(contract, fault.message);
  if (fault.code === 'idempotency-conflict')
    return new IdempotencyConflictError(contract, idempotencyKey ?? '');
  return fault.code === 'deadline-exceeded'
    ? new DeadlineExceededError(contract.name, budget)
    : callError(contract, fault);
}

/** A call that is not idempotent may have taken effect as soon as it was sent. */
async function answerTo(
  call: OutgoingCall,
  target: CallTarget,
  tries: CallTries,
): Promise<CallResult> {
  try {
    const answer = await tries.answer(call, target);
    if (!call.contract.idempotent && !isNotHandled(answer)) noteEffect();
    return answer;
  } catch (error) {
    if (!call.contract.idempotent && !(error instanceof OwnerUnavailableError)) noteEffect();
    throw error;
  }
}

const isNotHandled = (answer: CallResult): boolean =>
  !answer.ok && (NOT_HANDLED.has(answer.fault.code) || answer.fault.code === NOT_ALLOWED);

/** As metrics name it. */
function outcomeOf(error: unknown): string {
  if (error instanceof CallError) return error.code;
  if (error instanceof CallNotAllowedError) return NOT_ALLOWED;
  if (error instanceof OwnerUnavailableError && REFUSALS.has(error.reason)) return error.reason;
  return (error as Error).name;
}
const REFUSALS = new Set<string>(['untrusted', 'circuit-open', 'bulkhead-full', 'overloaded']);

const either = (one?: AbortSignal, other?: AbortSignal): AbortSignal | undefined =>
  one && other ? AbortSignal.any([one, other]) : (one ?? other);

/**
 * A reply that breaks the contract is the owner's mistake; an InvalidMessageError would blame the
 * request.
 */
function read(contract: Question, schema: z.ZodType, body: Buffer): unknown {
  try {
    return validate(contract.name, schema, decode(contract.name, body));
  } catch (error) {
    throw callError(contract, {
      code: 'invalid-reply',
      message: `the reply breaks its contract: ${(error as Error).message}`,
    });
  }
}
