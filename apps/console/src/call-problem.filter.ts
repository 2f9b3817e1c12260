import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { CallError, OwnerUnavailableError } from '@parley/messaging';
import { DeadlineExceededError } from '@parley/resilience';

/**
 * Reports errors and time-outs of calls in full: operators may see details that customers may not.
 */
@Catch(CallError, OwnerUnavailableError, DeadlineExceededError)
export class CallProblemFilter extends BaseExceptionFilter implements ExceptionFilter {
  override catch(error: Error, host: ArgumentsHost): void {
    super.catch(new HttpException({ message: error.message }, statusOf(error)), host);
  }
}

function statusOf(error: Error): number {
  if (error instanceof CallError) return error.code.startsWith('unknown-') ? 404 : 502;
  return error instanceof OwnerUnavailableError ? 503 : 504;
}
