import type { Account } from '@contracts/orders';
import {
  applyDecorators,
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  UseGuards,
} from '@nestjs/common';
import { ApiBearerAuth, ApiUnauthorizedResponse } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Authentication, type Proven } from './authentication';
import { ProblemBody } from './edge.schema';

const customers = new WeakMap<object, Proven | undefined>();
const requestIn = (context: ExecutionContext) =>
  context.switchToHttp().getRequest<FastifyRequest>();

@Injectable()
class CustomerGuard implements CanActivate {
  constructor(private readonly authentication: Authentication) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = requestIn(context);
    customers.set(request, await this.authentication.customerOf(request.headers.authorization));
    return true;
  }
}

/** For customers only: a request without a valid token is refused, unless authentication is off. */
export const ForCustomers = () =>
  applyDecorators(
    UseGuards(CustomerGuard),
    ApiBearerAuth(),
    ApiUnauthorizedResponse({
      standardSchema: ProblemBody,
      description: 'There is no valid bearer token, or what it allowed is over',
    }),
  );

/** The account that sends the request; undefined when authentication is off. */
export const AccountOf = createParamDecorator(
  (_: unknown, context: ExecutionContext): Account | undefined => {
    return customerIn(context)?.account;
  },
);

/**
 * Milliseconds for which the request's token is still good; undefined when authentication is off.
 */
export const TokenLeft = createParamDecorator(
  (_: unknown, context: ExecutionContext): number | undefined => customerIn(context)?.left,
);

function customerIn(context: ExecutionContext): Proven | undefined {
  const request = requestIn(context);
  if (!customers.has(request))
    throw new Error('a route asks for an account, but is not ForCustomers');
  return customers.get(request);
}
