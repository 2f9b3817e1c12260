import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { swallowed } from './json-body';
import { problem, problemOf } from './problem';

const logger = new Logger('edge');

/** Every error of the edge is answered as a problem. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    answerProblem(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }
}

export function answerProblem(error: unknown, { method, url, raw }: FastifyRequest, reply: FastifyReply): void {
  const known = problemOf(error);
  if (!known) logger.error({ message: `${method} ${url} failed`, error });
  const answer = known ?? problem(500, 'Something went wrong here', 'It was not your request; we have a note of it.');
  if (answer.status === 401) void reply.header('www-authenticate', 'Bearer');
  if (answer.status === 503) void reply.header('retry-after', '1');
  const send = () => void reply.status(answer.status).header('content-type', 'application/problem+json; charset=utf-8').send(JSON.stringify(answer));
  if (answer.status === 413) void swallowed(raw).then(send);
  else send();
}
