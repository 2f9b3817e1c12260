import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { problem, problemOf } from './problem';

/** Every error of the edge is answered as a problem. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger('edge');

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const known = problemOf(error);
    if (!known) this.logger.error({ message: `${request.method} ${request.url} failed`, error });
    const answer = known ?? problem(500, 'Something went wrong here', 'It was not your request; we have a note of it.');
    if (answer.status === 503) void reply.header('retry-after', '1');
    void reply.status(answer.status).header('content-type', 'application/problem+json; charset=utf-8').send(JSON.stringify(answer));
  }
}
