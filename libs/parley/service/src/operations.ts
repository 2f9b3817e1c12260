import type { IncomingMessage, ServerResponse } from 'node:http';
import { HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import { HttpException, type INestApplication } from '@nestjs/common';
import { Messaging, type MessagingHealth } from '@parley/messaging';
import {
  databaseIndicator,
  intakeIndicator,
  outboxIndicator,
  reasonIndicator,
  withDegraded,
  type Indicator,
} from '@parley/observability';
import {
  areaOf,
  failed,
  fromMessage,
  type InspectionProvider,
  OperationsAccess,
  type OperationsAnswer,
  OperationsApi,
  readPath,
  repeatedHeader,
} from '@parley/operations';
import type { Service } from './service';

/**
 * HTTP endpoints of a process: health, metrics and operations. They are apart from the
 * application's own HTTP: no guard, filter or rate limit of the application applies to them. Health
 * and metrics are open; operations need the token (OperationsAccess).
 *     GET  /health/live  /health/ready  /metrics
 *     /operations/…     OperationsApi has the list
 */
export class Operations {
  private app?: INestApplication;
  private messaging?: Messaging;
  private hasRoutes = false;
  private readonly pending = new Map<string, Promise<unknown>>();
  private readonly api: OperationsApi;

  constructor(private readonly service: Service) {
    const { name, environment, lifecycle, logger, inspectable, conversations } = service;
    this.api = new OperationsApi({
      access: new OperationsAccess(environment),
      audit: service.audit,
      facts: () => ({
        service: name,
        instance: environment.INSTANCE,
        build: environment.BUILD,
        phase: lifecycle.phase,
        reason: lifecycle.reason,
        startedAt: lifecycle.startedAt,
      }),
      messaging: () => this.messaging,
      inspectable: Object.keys(inspectable),
      provider: (one) => {
        const token = inspectable[one];
        return token === undefined
          ? undefined
          : this.app?.get<InspectionProvider>(token, { strict: false });
      },
      conversation: (id) => conversations.of(id),
      ownCopies: service.ownCopies,
      log: (level, message, details) => logger.write(level, message, details),
    });
  }

  /**
   * From now on there is something to report. @param hasRoutes whether the service has HTTP routes
   * of its own
   */
  attach(app: INestApplication, hasRoutes = false): void {
    this.app = app;
    this.hasRoutes = hasRoutes;
    this.messaging = app.get(Messaging, { strict: false });
  }

  readonly receive = (request: IncomingMessage, response: ServerResponse): void => {
    this.answer(request)
      .catch((error: unknown) =>
        this.api.failure(`${request.method} ${request.url?.split('?')[0]}`, error),
      )
      .then(({ status, body, type = 'application/json; charset=utf-8' }) => {
        response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
        response.end(typeof body === 'string' ? body : JSON.stringify(body));
      })
      .catch((error: unknown) => response.destroy(error as Error));
  };

  private async answer(request: IncomingMessage): Promise<OperationsAnswer> {
    const { method, url = '/' } = request;
    const repeated = repeatedHeader(request.rawHeaders);
    if (repeated !== undefined) return failed(400, `the header ${repeated} comes twice`);
    const area = areaOf(url);
    if (!area) return failed(404, 'only /health, /metrics and /operations are answered here');
    const path = readPath(url);
    if (!path) return failed(400, 'the path cannot be read');
    const [, ...parts] = path.parts;
    if (area === 'operations')
      return this.api.answer(fromMessage(request, { parts, query: path.query }));
    if (method !== 'GET' && method !== 'HEAD') return failed(405, `${method} is not answered here`);
    if (area === 'metrics' && parts.length === 0) return this.metrics(request.headers.accept);
    if (area === 'health' && parts.join('/') === 'live') return this.live();
    if (area === 'health' && parts.join('/') === 'ready') return this.ready();
    return failed(404, 'there is /health/live, /health/ready and /metrics');
  }

  /** True when the process works at all. Checks no dependency: a restart would not mend one. */
  private live(): OperationsAnswer {
    return { status: 200, body: { status: 'ok', phase: this.service.lifecycle.phase } };
  }

  private async ready(): Promise<OperationsAnswer> {
    const { reason } = this.service.lifecycle;
    if (reason !== undefined || !this.app)
      return {
        status: 503,
        body: { status: 'error', details: { service: { status: 'down', reason } } },
      };
    const indicators = this.indicators(this.app.get(HealthIndicatorService, { strict: false }));
    try {
      return {
        status: 200,
        body: withDegraded(
          await this.app.get(HealthCheckService, { strict: false }).check(indicators),
        ),
      };
    } catch (error) {
      if (error instanceof HttpException)
        return { status: error.getStatus(), body: error.getResponse() };
      throw error;
    }
  }

  /**
   * A service that can still answer something stays in rotation; its other messages wait for it.
   * One that answers nothing is not ready while it consumes nothing.
   */
  private indicators(service: HealthIndicatorService): Indicator[] {
    const { database } = this.service;
    const own = database
      ? [databaseIndicator(service, () => this.once('database', () => database.ping()))]
      : [];
    try {
      const { intakes } = this.asked.introspection.consumerHealth();
      const answers =
        this.hasRoutes ||
        intakes.some(({ kind, state }) => kind === 'call' && state === 'consuming');
      const taking = intakes.map((intake) =>
        intakeIndicator(service, intake, intake.kind === 'call' || !answers),
      );
      return [
        ...own,
        ...taking,
        ...(this.asked.store
          ? [outboxIndicator(service, () => this.once('outbox', () => this.outbox()), !answers)]
          : []),
      ];
    } catch (error) {
      return [
        ...own,
        reasonIndicator(
          service,
          'messaging',
          error instanceof Error ? error.message : String(error),
        ),
      ];
    }
  }

  private async outbox(): Promise<NonNullable<MessagingHealth['outbox']>> {
    return (await this.asked.introspection.outboxHealth()) ?? { waiting: 0, oldestAge: 0 };
  }

  /**
   * Shares a pending check among all requests that need it: otherwise probes of a frozen database
   * would use up its connections.
   */
  private once<T>(what: string, ask: () => Promise<T>): Promise<T> {
    const asked =
      (this.pending.get(what) as Promise<T> | undefined) ??
      ask().finally(() => this.pending.delete(what));
    this.pending.set(what, asked);
    return asked;
  }

  private async metrics(accept?: string): Promise<OperationsAnswer> {
    const { body, type } = await this.service.metrics.answer(accept);
    return { status: 200, body, type };
  }

  private get asked(): Messaging {
    if (!this.messaging) throw new Error(this.service.lifecycle.reason ?? 'starting');
    return this.messaging;
  }
}
