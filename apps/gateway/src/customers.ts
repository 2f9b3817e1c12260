import type { Account } from '@contracts/orders';
import { applyDecorators, type CanActivate, createParamDecorator, type ExecutionContext, Injectable, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiUnauthorizedResponse } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Authentication } from './authentication';
import { ProblemBody } from './edge.schema';

const accounts = new WeakMap<object, Account | undefined>();
const requestIn = (context: ExecutionContext) => context.switchToHttp().getRequest<FastifyRequest>();

@Injectable()
class CustomerGuard implements CanActivate {
  constructor(private readonly authentication: Authentication) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = requestIn(context);
    accounts.set(request, await this.authentication.accountOf(request.headers.authorization));
    return true;
  }
}

/** For customers only: a request without a valid token is refused, unless authentication is off. */
export const ForCustomers = () =>
  applyDecorators(
    UseGuards(CustomerGuard),
    ApiBearerAuth(),
    ApiUnauthorizedResponse({ standardSchema: ProblemBody, description: 'There is no valid bearer token' }),
  );

/** Whose request it is; undefined when authentication is off. */
export const AccountOf = createParamDecorator((_: unknown, context: ExecutionContext): Account | undefined => {
  const request = requestIn(context);
  if (!accounts.has(request)) throw new Error('a route asks for an account, but is not ForCustomers');
  return accounts.get(request);
});
