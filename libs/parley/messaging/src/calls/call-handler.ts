import { isStream, wireForm, type Call, type Question, type Stream } from '@parley/contract';
import { DeadlineExceededError, startTimer } from '@parley/resilience';
import { isObservable, lastValueFrom } from 'rxjs';
import { CallError } from './call-error';
import type { CallResult, CallFault, IncomingCall } from '../ports/call-transport';
import { encode, InvalidMessageError, prepare } from '../message/codec';
import { inConversation, type CallContext } from '../message/handler-context';
import { readEnvelope } from '../message/envelope';
import { describeError } from '../message/failure';
import type { HandlerRun, HandlerRuns } from '../delivery/handler-runs';
import type { HandlerRegistry } from '../handlers/handler-registry';
import type { Handler } from '../ports/subscription';
import type { InFlight } from '../in-flight';
import type { Envelope } from '../message/message';
import type { DeliveryObserver } from '../ports/observer';
import type { TraceContext } from '../message/trace';
import type { Tracing } from '../ports/tracing';
import {
  effectAfter,
  notingEffects,
  type OutageError,
  outageIn,
  type OutageReader,
} from '../ports/outage';
import { OVERLOADED, type AdmittedCall, type CallAdmission } from './resilience/call-admission';
import type { Callers, Checked } from './security/callers';
import { IdempotentCalls, type HandleOnce } from './idempotent-calls';
import { conversationOf, openCall, type OpenedCall } from './opened-call';
import { keyedRequest } from '../ports/idempotency-store';
import { produce } from './streams/produce';
import { ServerStoppedError } from '../transport/calls-under-way';
import { moreTimes, LogThrottle } from '../log-throttle';
import type { TransportContext } from '../ports/transport';
import { NoTransactionError, type Transactions } from '../sending/transactions';

/**
 * Answers calls: open → handle → check the reply. The counterpart of the pipeline, which handles
 * stored messages.
 */
export class CallHandler {
  private readonly outages = new LogThrottle();

  constructor(
    private readonly registry: HandlerRegistry,
    private readonly inFlight: InFlight,
    private readonly runs: HandlerRuns,
    private readonly process: Pick<TransportContext, 'log'> & {
      readonly observer?: DeliveryObserver;
      readonly tracing?: Tracing;
      /** That carries the calls. */
      readonly technology?: string;
    },
    private readonly transactions?: Transactions,
    private readonly repeated?: IdempotentCalls,
    /** Readers of the client errors of the store and the technologies. */
    private readonly outageReaders: readonly OutageReader[] = [],
    /** Undefined: every call is admitted. */
    private readonly admission?: CallAdmission,
    /** Undefined: everybody may call, and callers are known by their certificates alone. */
    private readonly callers?: Callers,
  ) {}

  /** @see HandleCall */
  readonly answer = (call: IncomingCall): Promise<CallResult> => {
    if (!this.callers) return this.admitted(call);
    const checked = this.callers.check(call);
    return checked instanceof Promise
      ? checked.then((known) => this.answerChecked(call, known))
      : this.answerChecked(call, checked);
  };

  private answerChecked(call: IncomingCall, checked: Checked): Promise<CallResult> {
    if ('call' in checked) return this.admitted(checked.call);
    this.observe(call, checked.refusal.fault.code, 0);
    return Promise.resolve(checked.refusal);
  }

  private admitted(call: IncomingCall): Promise<CallResult> {
    const priority = call.headers['priority'] === 'batch' ? 'batch' : 'interactive';
    const admitted = this.admission?.admit(call.contract, priority);
    if (this.admission && !admitted) {
      this.observe(call, 'overloaded', 0);
      return Promise.resolve(OVERLOADED);
    }
    return this.inFlight.track(async (cancelled) => {
      const started = performance.now();
      const answer = await notingEffects(() =>
        this.process.tracing
          ? this.traced(this.process.tracing, noting(call, admitted), cancelled)
          : this.attempted(noting(call, admitted), cancelled),
      );
      admitted?.answered();
      this.observe(call, answer.ok ? 'ok' : answer.fault.code, performance.now() - started);
      return answer;
    });
  }

  private attempted(
    call: IncomingCall,
    cancelled: AbortSignal,
    trace?: TraceContext,
  ): Promise<CallResult> {
    return this.attempt(call, cancelled, trace).catch((error: unknown): CallResult => ({
      ok: false,
      fault: this.fault(call, error),
    }));
  }

  private async traced(
    tracing: Tracing,
    call: IncomingCall,
    cancelled: AbortSignal,
  ): Promise<CallResult> {
    const contract = this.registry.handlerOfCall(call.contract) ? call.contract : 'unknown';
    const { technology = 'unknown' } = this.process;
    const span = tracing.answer({ contract, headers: call.headers }, technology);
    const answer = await span.run(() => this.attempted(call, cancelled, span.context));
    const fault = answer.ok ? undefined : answer.fault.code;
    // A fault that the contract names is an answer, no failure of the owner.
    span.end({ outcome: fault ?? 'ok', error: FAILURES.has(fault ?? '') ? fault : undefined });
    return answer;
  }

  private observe(call: IncomingCall, outcome: string, milliseconds: number): void {
    const contract = this.registry.handlerOfCall(call.contract) ? call.contract : 'unknown';
    const envelope = envelopeOf(call);
    this.process.observer?.answered?.({ contract, outcome, milliseconds, envelope });
  }

  private async attempt(
    call: IncomingCall,
    cancelled: AbortSignal,
    trace: TraceContext | undefined,
  ): Promise<CallResult> {
    const handler = this.registry.handlerOfCall(call.contract);
    if (!handler)
      return {
        ok: false,
        fault: { code: 'no-handler', message: `nothing here answers ${call.contract}` },
      };
    const opened = openCall(call, handler, cancelled, trace);
    const { contract } = opened;
    if (isStream(contract)) return this.stream(opened, contract, cancelled);
    if (opened.envelope.idempotencykey === undefined)
      return this.reply(opened, contract, this.commit);
    return this.replyOnce(opened, contract);
  }

  private async reply(
    opened: OpenedCall,
    contract: Call,
    transaction: CallContext['transaction'],
  ): Promise<CallResult> {
    const reply = await this.bounded(opened, transaction, (context) =>
      run(opened.handler, opened.request, context),
    );
    return { ok: true, body: bodyOf(contract, reply) };
  }

  /** A call with an idempotency key: the stored reply, where there is one. */
  private replyOnce(opened: OpenedCall, contract: Call): Promise<CallResult> {
    const { call, envelope, request } = opened;
    if (!this.repeated) return Promise.resolve(withoutStore(contract));
    const attempt: HandleOnce = (transaction) =>
      this.reply(opened, contract, transaction).catch((error: unknown) => ({
        ok: false,
        fault: this.fault(call, error),
      }));
    return this.repeated.answer(
      keyedRequest(envelope, encode(wireForm(contract.payload, request))),
      call,
      (reply) => bodyOf(contract, reply),
      attempt,
    );
  }

  private async stream(
    opened: OpenedCall,
    contract: Stream,
    cancelled: AbortSignal,
  ): Promise<CallResult> {
    const { call, handler, request, late } = opened;
    try {
      await this.bounded(opened, this.commit, (context) =>
        produce(handler, request, context, {
          silence: contract.silence,
          late,
          write: (item) => write(call, bodyOf(contract, item)),
        }),
      );
      return { ok: true, body: NOTHING };
    } catch (error) {
      if (isStopping(error, call, cancelled)) return STOPPING;
      throw error;
    }
  }

  /** Runs the handler until the deadline, in the conversation of its call. */
  private bounded<T>(
    opened: OpenedCall,
    transaction: CallContext['transaction'],
    work: (context: CallContext) => Promise<T>,
  ): Promise<T> {
    const { call, contract, handler, envelope, caller, late, signal } = opened;
    const { deadline } = call;
    const context: CallContext = { envelope, caller, deadline, signal, transaction };
    const facts = {
      kind: contract.kind,
      contract: contract.name,
      id: envelope.id,
      what: handler.name,
      timeout: Math.ceil(deadline.budget()),
    };
    const running = this.runs.bounded(facts, (ending) =>
      inConversation(conversationOf(opened), () => this.during(ending, () => work(context))),
    );
    return beforeDeadline(contract, context, late, running);
  }

  /** Transactions of a late handler may still commit until the grace is over. */
  private during<T>(ending: HandlerRun, work: () => T): T {
    return this.transactions ? this.transactions.during(ending, work) : work();
  }

  private commit: CallContext['transaction'] = (work) => {
    if (!this.transactions)
      throw new NoTransactionError('this service has no store; give MessagingModule one');
    return this.transactions.run(work);
  };

  private fault(call: IncomingCall, error: unknown): CallFault {
    if (error instanceof InvalidMessageError)
      return { code: 'invalid-request', message: error.message, details: error.issues };
    if (error instanceof DeadlineExceededError)
      return { code: 'deadline-exceeded', message: error.message };
    if (error instanceof InterruptedError) return { code: 'cancelled', message: error.message };
    const promised = promisedFault(call.contract, error);
    if (promised) return promised;
    if (call.signal.aborted) return { code: 'cancelled', message: 'the caller went away' };
    const outage = outageIn(error, this.outageReaders);
    if (outage) return this.away(call, outage);
    this.process.log(
      'error',
      `${call.contract} could not be answered: ${describeError(error).message}`,
      { error },
    );
    const invalidReply = error instanceof InvalidReplyError;
    // An internal failure goes into our log, not to the caller.
    return invalidReply
      ? { code: 'invalid-reply', message: error.message }
      : { code: 'unhandled', message: 'the owner failed to answer' };
  }

  /**
   * Something that the handler needs is away: worth another try, unlike a failure of its own. The
   * log names it; the caller learns whether the call took effect.
   */
  private away({ contract }: IncomingCall, outage: OutageError): CallFault {
    this.outages.log(`${contract} ${outage.name}`, (more) =>
      this.process.log(
        'warn',
        `${contract} could not be answered: ${outage.message}${moreTimes(more)}`,
      ),
    );
    if (effectAfter(outage) === 'none')
      return {
        code: 'unavailable',
        message: 'what the owner needs is away right now; nothing was done',
      };
    return {
      code: 'outcome-unknown',
      message: 'what the owner needs went away meanwhile; whether the call took effect is unknown',
    };
  }
}

/** Faults of the owner, rather than of the request. */
const FAILURES: ReadonlySet<string> = new Set([
  'unhandled',
  'no-handler',
  'invalid-reply',
  'unavailable',
  'outcome-unknown',
  'deadline-exceeded',
]);

function envelopeOf({ headers, contract }: IncomingCall): Envelope | undefined {
  try {
    return readEnvelope({ ...headers, type: contract });
  } catch {
    return undefined; // was refused for it
  }
}

/** An error of the contract, reduced to the code and details that the contract promises. */
function promisedFault(contract: string, error: unknown): CallFault | undefined {
  if (
    !(error instanceof CallError) ||
    error.contract.name !== contract ||
    !Object.hasOwn(error.contract.errors, error.code)
  )
    return undefined;
  try {
    return {
      code: error.code,
      message: error.message,
      details: prepare(contract, error.contract.errors[error.code]!, error.details).wire,
    };
  } catch {
    return undefined; // not an error of the contract
  }
}

/** The caller cancelled, or this instance stops, before the handler answered. */
class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
  constructor() {
    super('the answer was given up: this instance stops, or the caller went away');
  }
}

/** The handler's reply breaks the contract. */
class InvalidReplyError extends Error {
  override readonly name = 'InvalidReplyError';
}

const NOTHING = Buffer.alloc(0);

const withoutStore = ({ owner }: Call): CallResult => ({
  ok: false,
  fault: {
    code: 'no-memory',
    message: `${owner} has no store to remember answers in; ask without an idempotency key`,
  },
});

/** A stream that is cut short because this instance stops: another one has all of its items. */
const STOPPING: CallResult = {
  ok: false,
  fault: { code: 'stopping', message: 'this instance stops; ask again' },
};

const isStopping = (error: unknown, { signal }: IncomingCall, drained: AbortSignal): boolean =>
  error instanceof InterruptedError &&
  (drained.aborted || signal.reason instanceof ServerStoppedError);

/** Measures a stream by its first item: the time after it is its reader's. */
function noting(call: IncomingCall, admitted: AdmittedCall | undefined): IncomingCall {
  const { write } = call;
  if (!write || !admitted) return call;
  return { ...call, write: (item) => (admitted.begun(), write(item)) };
}

function write({ contract, write }: IncomingCall, item: Buffer): Promise<void> {
  if (!write) throw new Error(`${contract} is a stream, which its technology does not carry`);
  return write(item);
}

function bodyOf(contract: Call | Stream, reply: unknown): Buffer {
  try {
    return isStream(contract)
      ? prepare(contract.name, contract.item, reply).body
      : prepare(contract.name, contract.reply, reply).body;
  } catch (error) {
    if (!(error instanceof InvalidMessageError)) throw error;
    const [issue] = error.issues;
    throw new InvalidReplyError(
      `${isStream(contract) ? 'an item of' : 'the reply to'} ${contract.name} breaks its contract: ${issue?.path} ${issue?.message}`,
    );
  }
}

async function run(handler: Handler, request: unknown, context: CallContext): Promise<unknown> {
  const result: unknown = await handler.run(request, context);
  return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
}

/** The caller gets a reply at the deadline, also when the handler ignores its signal. */
async function beforeDeadline<T>(
  contract: Question,
  { deadline, signal }: CallContext,
  late: AbortController,
  work: Promise<T>,
): Promise<T> {
  const budget = deadline.budget();
  const cancel = startTimer(budget, () =>
    late.abort(new DeadlineExceededError(contract.name, budget)),
  );
  const over = new Promise<never>((_, reject) => {
    const fail = () =>
      reject(
        signal.reason instanceof DeadlineExceededError
          ? signal.reason
          : deadline.budget() === 0
            ? new DeadlineExceededError(contract.name, budget)
            : new InterruptedError(),
      );
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    cancel();
  }
}
