import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { operatorsToken } from './config.js';

type Request = { readonly headers: Readonly<Record<string, string | undefined>> };

/** Stands for the guard that your application has. Without a token nobody is an operator. */
@Injectable()
export class OperatorGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<Request>();
    return operatorsToken !== undefined && headers['authorization'] === `Bearer ${operatorsToken}`;
  }
}
