import type { Call, Stream } from '@parley/contract';
import type { Caller, IncomingCall } from '../ports/call-transport';
import type { Handler } from '../ports/subscription';
import { decode, validate } from '../message/codec';
import { readEnvelope } from '../message/envelope';
import type { Envelope } from '../message/message';
import type { TraceContext } from '../message/trace';

/** A call whose request fits its contract, and its handler. */
export interface OpenedCall {
  readonly call: IncomingCall;
  readonly handler: Handler;
  readonly contract: Call | Stream;
  readonly envelope: Envelope;
  readonly caller: Caller;
  readonly request: unknown;
  /** Aborted at the deadline. */
  readonly late: AbortController;
  /** Aborted at the deadline, when the caller has gone, and when this instance stops. */
  readonly signal: AbortSignal;
}

/** @throws InvalidMessageError when envelope or request do not fit the contract */
export function openCall(
  call: IncomingCall,
  handler: Handler,
  cancelled: AbortSignal,
  trace: TraceContext | undefined,
): OpenedCall {
  const contract = handler.contract as Call | Stream;
  const read = readEnvelope({ ...call.headers, type: call.contract });
  const known = callerOf(call, trace ? { ...read, ...trace } : read);
  const request = validate(contract.name, contract.payload, decode(contract.name, call.body));
  const late = new AbortController();
  const signal = AbortSignal.any([call.signal, cancelled, late.signal]);
  return { call, handler, contract, ...known, request, late, signal };
}

/** The conversation that the handler's own messages and calls continue. */
export const conversationOf = ({ call, contract, envelope, signal }: OpenedCall) => ({
  correlationId: envelope.correlationid,
  traceparent: envelope.traceparent,
  tracestate: envelope.tracestate,
  messageId: envelope.id,
  contract: contract.name,
  deadline: call.deadline,
  signal,
  priority: envelope.priority,
});

/** A proven name takes the place of the one that the envelope says. */
function callerOf(
  { caller }: IncomingCall,
  envelope: Envelope,
): Pick<OpenedCall, 'caller' | 'envelope'> {
  if (!caller) return { caller: { service: envelope.source.replace(/^\//, '') }, envelope };
  const source = `/${caller.service}`;
  return { caller, envelope: envelope.source === source ? envelope : { ...envelope, source } };
}
