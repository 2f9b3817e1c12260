import 'reflect-metadata';
import { UseFilters } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import type { Call, Contract, Kind, Message, ReplyOf } from '@parley/contract';
import type { CallContext, HandlerContext } from './context';
import { noteHandler, PassOn } from './exception-filters';
import type { HandlerExtras, HandlerOptions } from './handlers';

/** Nest binds a handler to the one strategy that carries its kind by this. */
export const TRANSPORT_ID: Readonly<Record<Kind, symbol>> = {
  call: Symbol.for('parley.call'),
  command: Symbol.for('parley.command'),
  broadcast: Symbol.for('parley.broadcast'),
  event: Symbol.for('parley.event'),
};

type ContextOf<C extends Contract> = C extends Call ? CallContext : HandlerContext<never>;
type HandlerMethod<C extends Contract> = (message: Message<C>, context: ContextOf<C>) => Promise<ReplyOf<C>> | ReplyOf<C>;

/**
 * Binds a controller's method to a contract. A wrong payload or reply does not compile. The method needs no parameter
 * decorators: it gets the message, then its context.
 */
export const Handles =
  <C extends Contract>(contract: C, options: HandlerOptions = {}) =>
  <H extends HandlerMethod<C>>(target: object, method: string, descriptor: TypedPropertyDescriptor<H>): void => {
    Payload()(target, method, 0);
    Ctx()(target, method, 1);
    UseFilters(PassOn)(target, method, descriptor as PropertyDescriptor);
    noteHandler(descriptor.value as object, contract.kind === 'call');
    const extras: HandlerExtras = { contract, options, handlerClass: target.constructor, method };
    const bind = contract.kind === 'call' ? MessagePattern : EventPattern;
    bind(contract.name, TRANSPORT_ID[contract.kind] as never, extras)(target, method, descriptor as PropertyDescriptor);
  };
