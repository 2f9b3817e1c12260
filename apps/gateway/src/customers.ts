import {
  applyDecorators,
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  SetMetadata,
  UseGuards,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiBearerAuth, ApiUnauthorizedResponse } from '@nestjs/swagger';
import { ProblemError } from '@parley/service';
import type { FastifyRequest } from 'fastify';
import { UNKNOWN_CALLER } from './authentication';
import { type Caller, Callers } from './callers';
import { ProblemBody } from './edge.schema';

const GUESTS = 'edge:guests';
const callers = new WeakMap<object, Caller>();
const requestIn = (context: ExecutionContext) =>
  context.switchToHttp().getRequest<FastifyRequest>();

@Injectable()
class CustomerGuard implements CanActivate {
  constructor(
    private readonly callers: Callers,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = requestIn(context);
    const caller = await this.callers.of(request.raw);
    const guests = this.reflector.get<Guests | undefined>(GUESTS, context.getHandler());
    if (!isWelcome(caller, guests)) throw new ProblemError(UNKNOWN_CALLER);
    callers.set(request, caller);
    return true;
  }
}

/** The guests that a route admits: all, or guests with the token of an order. */
type Guests = 'all' | 'with a token';

const isWelcome = (caller: Caller, guests: Guests | undefined): boolean =>
  caller.kind !== 'guest' ||
  guests === 'all' ||
  (guests === 'with a token' && caller.orderId !== undefined);

/**
 * Refuses requests without a customer's token, unless authentication is off or the route is open to
 * guests.
 */
export const ForCustomers = () =>
  applyDecorators(
    UseGuards(CustomerGuard),
    ApiBearerAuth(),
    ApiUnauthorizedResponse({
      standardSchema: ProblemBody,
      description: 'There is no valid bearer token, or what it allowed is over',
    }),
  );

/** Opens a route to guests, too. */
export const OpenToGuests = (guests: Guests) => SetMetadata(GUESTS, guests);

/** The caller of a route that is ForCustomers. */
export const CallerOf = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const caller = callers.get(requestIn(context));
  if (!caller) throw new Error('a route asks for its caller, but is not ForCustomers');
  return caller;
});
