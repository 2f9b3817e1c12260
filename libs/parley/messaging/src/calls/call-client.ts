import type { Call, MessageInput, ReplyOf } from '@parley/contract';
import { Deadline, DeadlineExceeded, sleep } from '@parley/resilience';
import { callError, CallError } from './call-error';
import {
  ReplyLostError,
  OwnerUnavailableError,
  type CallResult,
  type CallTransport,
  type OutgoingCall,
} from '../ports/call-transport';
import { decode, prepare, validate } from '../message/codec';
import { currentConversation } from '../message/handler-context';
import type { Envelopes } from '../message/envelope';
import { headersOf } from '../message/message';
import type { DeliveryObserver } from '../ports/observer';
import { noteEffect } from '../ports/outage';
import { IdempotencyConflictError } from '../ports/idempotency-store';

export interface CallOptions {
  /**
   * Milliseconds; never longer than what the call being answered has left. Default: the contract's.
   */
  readonly deadline?: number;
  readonly signal?: AbortSignal;
  readonly idempotencyKey?: string;
}

/** Milliseconds to wait before a call is made again. */
const PAUSES_MS = [50, 200, 500];

/** Faults after which another instance may answer, or the same one a little later. */
const PASSING = new Set(['unavailable', 'outcome-unknown', 'cancelled']);
/** Faults that say no more than a broken connection does. */
const LOST = new Set(['outcome-unknown', 'cancelled']);

/** The asking side of calls: every one has a deadline. */
export class CallClient {
  constructor(
    private readonly transport: CallTransport | undefined,
    private readonly envelopes: Envelopes,
    private readonly observer?: DeliveryObserver,
  ) {}

  async call<C extends Call>(
    contract: C,
    request: MessageInput<C>,
    options: CallOptions = {},
  ): Promise<ReplyOf<C>> {
    const started = performance.now();
    try {
      const reply = await this.ask(contract, request, options);
      this.observer?.called?.({
        contract: contract.name,
        outcome: 'ok',
        milliseconds: performance.now() - started,
      });
      return reply;
    } catch (error) {
      const outcome = error instanceof CallError ? error.code : (error as Error).name;
      this.observer?.called?.({
        contract: contract.name,
        outcome,
        milliseconds: performance.now() - started,
      });
      throw error;
    }
  }

  private async ask<C extends Call>(
    contract: C,
    request: MessageInput<C>,
    options: CallOptions,
  ): Promise<ReplyOf<C>> {
    if (!this.transport) throw new OwnerUnavailableError(contract, 'CALLS_URL is not set');
    const { payload, body } = prepare(contract.name, contract.payload, request);
    const deadline = Deadline.within(
      options.deadline ?? contract.deadline,
      currentConversation()?.deadline,
    );
    const budget = deadline.budget();
    const call: OutgoingCall = {
      contract,
      headers: headersOf(
        this.envelopes.write(contract, payload, { idempotencyKey: options.idempotencyKey }),
      ),
      body,
      deadline,
      signal: options.signal,
    };
    const answer = await this.answerTo(call, this.transport);
    if (!answer.ok && answer.fault.code === 'unavailable')
      throw OwnerUnavailableError.lacking(contract, answer.fault.message);
    if (!answer.ok && LOST.has(answer.fault.code))
      throw new ReplyLostError(contract, answer.fault.message);
    if (!answer.ok && answer.fault.code === 'idempotency-conflict')
      throw new IdempotencyConflictError(contract, options.idempotencyKey ?? '');
    if (!answer.ok)
      throw answer.fault.code === 'deadline-exceeded'
        ? new DeadlineExceeded(contract.name, budget)
        : callError(contract, answer.fault);
    return read(contract, answer.body);
  }

  /** A call that is not idempotent may have taken effect as soon as it left. */
  private async answerTo(call: OutgoingCall, transport: CallTransport): Promise<CallResult> {
    try {
      const answer = await this.reach(call, transport, mayBeRepeated(call));
      if (!call.contract.idempotent && (answer.ok || answer.fault.code !== 'unavailable'))
        noteEffect();
      return answer;
    } catch (error) {
      if (!call.contract.idempotent && !(error instanceof OwnerUnavailableError)) noteEffect();
      throw error;
    }
  }

  /**
   * Asks again, within the deadline, what was certainly not handled; what may be repeated also when
   * its answer is lost.
   */
  private async reach(
    call: OutgoingCall,
    transport: CallTransport,
    repeatable: boolean,
  ): Promise<CallResult> {
    let lost: Tried | undefined;
    // What an earlier try may have done is not undone by a later one that reached nobody.
    const result = (tried: Tried) => resultOf(lost && didNothing(tried) ? lost : tried);
    for (const pause of PAUSES_MS) {
      const tried = await attempt(transport, call);
      if (isLost(tried)) lost = tried;
      const isOver =
        'answer' in tried
          ? !repeatable || !isPassing(tried.answer)
          : !(
              tried.error instanceof OwnerUnavailableError ||
              (repeatable && tried.error instanceof ReplyLostError)
            );
      if (isOver || call.deadline.budget() <= pause || call.signal?.aborted) return result(tried);
      await sleep(pause);
    }
    if (call.deadline.budget() === 0)
      throw new DeadlineExceeded(call.contract.name, call.contract.deadline);
    return result(await attempt(transport, call));
  }
}

type Tried = { readonly answer: CallResult } | { readonly error: unknown };

const attempt = (transport: CallTransport, call: OutgoingCall): Promise<Tried> =>
  transport.call(call).then(
    (answer) => ({ answer }),
    (error: unknown) => ({ error }),
  );

function resultOf(tried: Tried): CallResult {
  if ('error' in tried) throw tried.error;
  return tried.answer;
}

/** Whether the try may have taken effect, and nobody knows. */
const isLost = (tried: Tried): boolean =>
  'answer' in tried
    ? !tried.answer.ok && LOST.has(tried.answer.fault.code)
    : tried.error instanceof ReplyLostError;

const didNothing = (tried: Tried): boolean =>
  'answer' in tried
    ? !tried.answer.ok && tried.answer.fault.code === 'unavailable'
    : tried.error instanceof OwnerUnavailableError;

const isPassing = (answer: CallResult): boolean => !answer.ok && PASSING.has(answer.fault.code);

/** Asked twice, it takes effect once: by its contract, or because the owner knows its key. */
const mayBeRepeated = ({ contract, headers }: OutgoingCall): boolean =>
  contract.idempotent || headers['idempotencykey'] !== undefined;

/**
 * A reply that is not what the contract promises is the owner's mistake; an InvalidMessageError would
 * blame the request.
 */
function read<C extends Call>(contract: C, body: Buffer): ReplyOf<C> {
  try {
    return validate(contract.name, contract.reply, decode(contract.name, body)) as ReplyOf<C>;
  } catch (error) {
    throw callError(contract, {
      code: 'invalid-reply',
      message: `the reply breaks its contract: ${(error as Error).message}`,
    });
  }
}
