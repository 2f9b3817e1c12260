import 'reflect-metadata';
import { UseFilters } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import type {
  Call,
  Contract,
  ItemInputOf,
  Kind,
  Message,
  ReplyInputOf,
  Stream,
} from '@parley/contract';
import type { Observable } from 'rxjs';
import type {
  BatchContext,
  CallContext,
  HandlerContext,
  StreamContext,
} from '../message/handler-context';
import { noteHandler, PassOn } from './exception-filters';
import type { HandlerExtras } from './handler-registry';
import type { BatchOptions, HandlerOptions } from '../ports/subscription';

/** Nest binds a handler to the one strategy that carries its kind by this. */
export const TRANSPORT_ID: Readonly<Record<Kind, symbol>> = {
  call: Symbol.for('parley.call'),
  command: Symbol.for('parley.command'),
  broadcast: Symbol.for('parley.broadcast'),
  event: Symbol.for('parley.event'),
};

type ContextOf<C extends Contract> = C extends Stream
  ? StreamContext
  : C extends Call
    ? CallContext
    : HandlerContext<never>;
type Items<C extends Stream> = AsyncIterable<ItemInputOf<C>> | Observable<ItemInputOf<C>>;
/**
 * A call's handler returns the reply; that of a stream returns the items, as an async generator
 * does. Return values of other handlers are ignored.
 */
type HandlerMethod<C extends Contract> = (
  message: Message<C>,
  context: ContextOf<C>,
) => C extends Stream
  ? Promise<Items<C>> | Items<C>
  : C extends Call
    ? Promise<ReplyInputOf<C>> | ReplyInputOf<C>
    : unknown;

type BatchMethod<C extends Contract> = (
  messages: Message<C>[],
  context: BatchContext<never>,
) => unknown;
type AnyMethod = (...args: never[]) => unknown;
/** Takes a method that fits. For another one, the compiler's error names what does not fit. */
type Binding<Method extends AnyMethod> = <H extends AnyMethod>(
  target: object,
  method: string,
  descriptor: TypedPropertyDescriptor<H> & Fit<H, Method>,
) => void;
type Fit<H extends AnyMethod, Method extends AnyMethod> = H extends Method
  ? unknown
  : H extends (...args: Parameters<Method>) => unknown
    ? { 'returns the reply of its call': Awaited<ReturnType<Method>> }
    : { 'takes what its contract carries': Parameters<Method> };

/**
 * The method gets the waiting messages, up to `batch`, and one context for all of them.
 * @see BatchOptions
 */
export function Handles<C extends Contract<'command' | 'event'>>(
  contract: C,
  options: BatchOptions,
): Binding<BatchMethod<C>>;
/**
 * Binds a controller's method to a contract. A wrong payload or reply does not compile. The method
 * needs no parameter decorators: it gets the message, then its context.
 */
export function Handles<C extends Contract>(
  contract: C,
  options?: HandlerOptions,
): Binding<HandlerMethod<C>>;
export function Handles(contract: Contract, options: HandlerExtras['options'] = {}) {
  return (target: object, method: string, descriptor: PropertyDescriptor): void => {
    Payload()(target, method, 0);
    Ctx()(target, method, 1);
    UseFilters(PassOn)(target, method, descriptor);
    noteHandler(descriptor.value as object, contract.kind === 'call');
    const extras: HandlerExtras = { contract, options, handlerClass: target.constructor, method };
    const bind = contract.kind === 'call' ? MessagePattern : EventPattern;
    bind(contract.name, TRANSPORT_ID[contract.kind] as never, extras)(target, method, descriptor);
  };
}
