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
   * Milliseconds; never longer than the remaining budget of the call being answered. Default: the
   * contract's.
   */
  readonly deadline?: number;
  readonly signal?: AbortSignal;
  readonly idempotencyKey?: string;
}

/** Milliseconds to wait before each further try. */
const PAUSES_MS = [50, 200, 500];

/** Faults after which another instance may answer, or the same one a little later. */
const PASSING = new Set(['unavailable', 'outcome-unknown', 'cancelled']);
/** Faults with the meaning of a broken connection: the effect is unknown. */
const LOST = new Set(['outcome-unknown', 'cancelled']);

/** The calling side of calls: every call has a deadline. */
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

  /** A call that is not idempotent may have taken effect as soon as it was sent. */
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
   * Tries again, within the deadline: a request that was certainly not handled, and a repeatable
   * one also when its reply was lost.
   */
  private async reach(
    call: OutgoingCall,
    transport: CallTransport,
    repeatable: boolean,
  ): Promise<CallResult> {
    let lost: Tried | undefined;
    // An earlier try may have taken effect: a later one that reached no instance does not change
    // that.
    const result = (tried: Tried) => resultOf(lost && didNothing(tried) ? lost : tried);
    const isMesh = transport.isMesh?.(call.contract.owner);
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
      if (isOver || isMesh || call.deadline.budget() <= pause || call.signal?.aborted)
        return result(tried);
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

/** True when the effect of the try is unknown. */
const isLost = (tried: Tried): boolean =>
  'answer' in tried
    ? !tried.answer.ok && LOST.has(tried.answer.fault.code)
    : tried.error instanceof ReplyLostError;

const didNothing = (tried: Tried): boolean =>
  'answer' in tried
    ? !tried.answer.ok && tried.answer.fault.code === 'unavailable'
    : tried.error instanceof OwnerUnavailableError;

const isPassing = (answer: CallResult): boolean => !answer.ok && PASSING.has(answer.fault.code);

/**
 * Whether two tries have one effect: by the contract, or because the owner knows the idempotency
 * key.
 */
const mayBeRepeated = ({ contract, headers }: OutgoingCall): boolean =>
  contract.idempotent || headers['idempotencykey'] !== undefined;

/**
 * A reply that breaks the contract is the owner's mistake; an InvalidMessageError would blame the
 * request.
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
