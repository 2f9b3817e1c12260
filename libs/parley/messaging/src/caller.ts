import type { Call, Message, ReplyOf } from '@parley/contract';
import { Deadline, DeadlineExceeded, sleep } from '@parley/resilience';
import { callError, CallError } from './call-error';
import { OwnerUnavailable, type Answer, type CallTransport, type OutgoingCall } from './calls';
import { decode, encode, validate } from './codec';
import { currentConversation } from './context';
import type { Envelopes } from './envelope';
import { headersOf } from './message';
import type { DeliveryObserver } from './observer';
import { IdempotencyConflict } from './requests';

export interface CallOptions {
  /** Milliseconds; never longer than what the call being answered has left. Default: the contract's. */
  readonly deadline?: number;
  readonly signal?: AbortSignal;
  readonly idempotencyKey?: string;
}

/** Waits before another instance is tried when the first could not be reached; the request had not left. */
const RECONNECTS = [50, 200, 500];

/** The asking side of calls: every one has a deadline. */
export class Caller {
  constructor(
    private readonly transport: CallTransport | undefined,
    private readonly envelopes: Envelopes,
    private readonly observer?: DeliveryObserver,
  ) {}

  async call<C extends Call>(contract: C, request: Message<C>, options: CallOptions = {}): Promise<ReplyOf<C>> {
    const started = performance.now();
    try {
      const reply = await this.ask(contract, request, options);
      this.observer?.called?.({ contract: contract.name, outcome: 'ok', milliseconds: performance.now() - started });
      return reply;
    } catch (error) {
      const outcome = error instanceof CallError ? error.code : (error as Error).name;
      this.observer?.called?.({ contract: contract.name, outcome, milliseconds: performance.now() - started });
      throw error;
    }
  }

  private async ask<C extends Call>(contract: C, request: Message<C>, options: CallOptions): Promise<ReplyOf<C>> {
    if (!this.transport) throw new OwnerUnavailable(contract, 'CALLS_URL is not set');
    const payload = validate(contract.name, contract.payload, request);
    const deadline = Deadline.within(options.deadline ?? contract.deadline, currentConversation()?.deadline);
    const budget = deadline.budget();
    const call: OutgoingCall = {
      contract,
      headers: headersOf(this.envelopes.write(contract, payload, { idempotencyKey: options.idempotencyKey })),
      body: encode(payload),
      deadline,
      signal: options.signal,
    };
    const answer = await this.reach(call, this.transport);
    if (!answer.ok && answer.fault.code === 'idempotency-conflict') throw new IdempotencyConflict(contract, options.idempotencyKey ?? '');
    if (!answer.ok) throw answer.fault.code === 'deadline-exceeded' ? new DeadlineExceeded(contract.name, budget) : callError(contract, answer.fault);
    return read(contract, answer.body);
  }

  private async reach(call: OutgoingCall, transport: CallTransport): Promise<Answer> {
    for (const wait of RECONNECTS) {
      try {
        return await transport.call(call);
      } catch (error) {
        if (!(error instanceof OwnerUnavailable)) throw error;
        if (call.deadline.budget() <= wait) throw error;
        await sleep(wait);
      }
    }
    if (call.deadline.budget() === 0) throw new DeadlineExceeded(call.contract.name, call.contract.deadline);
    return transport.call(call);
  }
}

/** A reply that is not what the contract promises is the owner's mistake; an InvalidMessage would blame the request. */
function read<C extends Call>(contract: C, body: Buffer): ReplyOf<C> {
  try {
    return validate(contract.name, contract.reply, decode(contract.name, body)) as ReplyOf<C>;
  } catch (error) {
    throw callError(contract, { code: 'invalid-reply', message: `the reply breaks its contract: ${(error as Error).message}` });
  }
}
