import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  Logger,
  StandardSchemaValidationPipe,
} from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { OutageError } from '@parley/messaging';
import {
  MAX_ISSUES,
  moreTimes,
  notingEffects,
  type OutageReader,
  LogThrottle,
} from '@parley/messaging/transport';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { repeatedHeader } from '@parley/operations';
import { invalid, problem, type Problem, ProblemError, problemOf } from './problem';

export interface ProblemOptions {
  /** Maps a service's own errors to problems; undefined: the kit's mapping applies. */
  readonly problemOf?: (error: unknown) => Problem | undefined;
  /** Reads errors of clients of databases and brokers. */
  readonly outageIn?: OutageReader;
  /** Before the answer is sent. */
  readonly beforeAnswer?: (
    answer: Problem,
    request: FastifyRequest,
    reply: FastifyReply,
  ) => Promise<void> | undefined;
}

const OURS = problem(
  500,
  'Something went wrong here',
  'It was not your request; we have a note of it.',
);

/**
 * Answers errors of HTTP routes as problems. Bugs are logged as errors, outages as a warning once
 * in a while.
 */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger('http');
  private readonly outages = new LogThrottle();

  constructor(private readonly options: ProblemOptions = {}) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  /** For errors that never reach Nest. */
  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const outage = this.options.outageIn?.(error);
    const meant = outage ?? error;
    const known =
      this.options.problemOf?.(error) ??
      problemOf(meant, {
        method: request.method,
        hasKey: request.headers['idempotency-key'] !== undefined,
      });
    if (!known) this.logger.error({ message: `${request.method} ${request.url} failed`, error });
    else if (meant instanceof OutageError) this.warn(meant, request);
    const answer = known ?? OURS;
    if (answer.status === 503) void reply.header('retry-after', '1');
    const before = this.options.beforeAnswer?.(answer, request, reply);
    const send = () =>
      void reply
        .status(answer.status)
        .header('content-type', 'application/problem+json; charset=utf-8')
        .send(JSON.stringify(answer));
    if (before) void before.then(send);
    else send();
  }

  private warn(outage: OutageError, { method, routeOptions }: FastifyRequest): void {
    const route = `${method} ${routeOptions.url ?? ''}`;
    this.outages.log(`${route} ${outage.name}`, (more) =>
      this.logger.warn(`${route} could not be answered: ${outage.message}${moreTimes(more)}`),
    );
  }
}

/**
 * Makes an application's routes answer as this kit does: errors become problems; a parameter with a
 * schema (`@Body({ schema })`) is checked, and refused with 422 and the paths; a header that must
 * be unique is refused with 400 when it comes twice. The application's own filters come first.
 */
export function answerProblems(app: NestFastifyApplication, filter: ProblemFilter): void {
  app.get(ApplicationConfig).getGlobalFilters().unshift(filter);
  app.useGlobalPipes(
    new StandardSchemaValidationPipe({
      exceptionFactory: (issues) =>
        new ProblemError(invalid(issues.slice(0, MAX_ISSUES).map(fieldError))),
    }),
  );
  const server = app.getHttpAdapter().getInstance();
  server.addHook('onRequest', (request, _reply, done) => {
    const name = repeatedHeader(request.raw.rawHeaders);
    if (name === undefined) notingEffects(done);
    else
      done(
        new ProblemError(
          problem(400, `The header ${name} comes twice`, 'Send it once.', [
            { field: name, message: 'comes twice' },
          ]),
        ),
      );
  });
}

interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[];
}

const fieldError = ({ path = [], message }: SchemaIssue) => ({
  field: path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.') || 'body',
  message,
});
