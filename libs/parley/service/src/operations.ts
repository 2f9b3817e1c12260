import type { IncomingMessage, ServerResponse } from 'node:http';
import { HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import { HttpException, type INestApplication } from '@nestjs/common';
import { ContractError, contractNamed, type Contract } from '@parley/contract';
import { Messaging, type MessagingHealth } from '@parley/messaging';
import {
  databaseIndicator,
  intakeIndicator,
  outboxIndicator,
  reasonIndicator,
  withDegraded,
  type Indicator,
} from '@parley/observability';
import { ConcurrencyRequests } from './concurrency-requests';
import { DeadLetterRequests } from './dead-letter-requests';
import { type OperationsAnswer, failed } from './operator-request';
import { OperationsAccess } from './operations-access';
import type { Service } from './service';
import { repeatedHeader } from './single-headers';
import { areaOf, readPath } from './request-path';
import { SubjectRequests } from './subject-requests';
import type { InspectionProvider } from './inspection-provider';

const ASKING_TIMEOUT = 3_000;

/**
 * HTTP endpoints of a process: health, metrics and operations. They are apart from the
 * application's own HTTP: no guard, filter or rate limit of the application applies to them. Health
 * and metrics are open; operations need the token (OperationsAccess).
 *     GET  /health/live  /health/ready  /metrics
 *     GET  /operations/status  /operations/backlog  /operations/explain/:contract  /operations/topology  /operations/doctor
 *     GET  /operations/dead-letters[/groups]?subscription=&contract=&error=&group=&from=&to=&limit=
 *     GET  /operations/dead-letters/:id  /operations/dead-letters/audit?letter=&who=&limit=
 *     POST /operations/dead-letters/:id/replay|edit|discard  /operations/dead-letters/replay|discard
 *     GET  /operations/overdue             handlings over their timeout: contract, id, age
 *     GET  /operations/concurrency   POST /operations/concurrency/:subscription
 *     GET  /operations/subjects/:subject   POST /operations/subjects/:subject/erase
 *     GET  /operations/conversations/:id   messages of a conversation that this process handled lately
 *     GET  /operations/:name[/:key…]       entries of a provider that the service declares
 */
export class Operations {
  private app?: INestApplication;
  private messaging?: Messaging;
  private hasRoutes = false;
  private readonly pending = new Map<string, Promise<unknown>>();

  private readonly access: OperationsAccess;

  constructor(private readonly service: Service) {
    this.access = new OperationsAccess(service.environment);
  }

  /**
   * From now on there is something to tell of. @param hasRoutes whether the service has HTTP routes
   * of its own
   */
  attach(app: INestApplication, hasRoutes = false): void {
    this.app = app;
    this.hasRoutes = hasRoutes;
    this.messaging = app.get(Messaging, { strict: false });
  }

  readonly receive = (request: IncomingMessage, response: ServerResponse): void => {
    this.answer(request)
      .catch((error: unknown) => this.failure(request, error))
      .then(({ status, body, type = 'application/json; charset=utf-8' }) => {
        response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
        response.end(typeof body === 'string' ? body : JSON.stringify(body));
      })
      .catch((error: unknown) => response.destroy(error as Error));
  };

  /** Reports an outage to the caller; a bug is described only in the log. */
  private failure({ method, url = '' }: IncomingMessage, error: unknown): OperationsAnswer {
    const outage = this.messaging?.outageIn(error);
    if (outage || !isBug(error)) return failed(503, messageOf(outage ?? error));
    const path = url.split('?')[0];
    this.service.logger.write('error', `${method} ${path} failed`, { error });
    return failed(500, 'something went wrong here; the log says what');
  }

  private async answer(request: IncomingMessage): Promise<OperationsAnswer> {
    const { method, url } = request;
    const repeated = repeatedHeader(request.rawHeaders);
    if (repeated !== undefined) return failed(400, `the header ${repeated} comes twice`);
    const area = areaOf(url ?? '/');
    if (!area) return failed(404, 'only /health, /metrics and /operations are answered here');
    const path = readPath(url ?? '/');
    if (!path) return failed(400, 'the path cannot be read');
    const [, name, ...rest] = path.parts;
    const refusal = area === 'operations' && this.access.refusalOf(request.headers);
    if (refusal) return failed(refusal.status, refusal.message);
    if (method === 'POST') return this.change(`${area}/${name}`, rest, request);
    if (method !== 'GET' && method !== 'HEAD') return failed(405, `${method} is not answered here`);
    if (area === 'metrics' && name === undefined)
      return {
        status: 200,
        body: await this.service.metrics.text(),
        type: this.service.metrics.contentType,
      };
    if (area === 'operations') return this.tell(name ?? '', rest, path.query);
    if (rest.length === 0 && name === 'live') return this.live();
    if (rest.length === 0 && name === 'ready') return this.ready();
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

  private async tell(
    name: string,
    rest: string[],
    filter: Record<string, string>,
  ): Promise<OperationsAnswer> {
    if (name === 'status') return { status: 200, body: await this.status() };
    if (name === 'explain') return this.explain(rest[0] ?? '');
    if (name === 'topology') return { status: 200, body: this.asked.introspection.topology() };
    if (name === 'doctor')
      return { status: 200, body: await inTime(this.asked.introspection.checkDurability()) };
    if (name === 'backlog')
      return { status: 200, body: await inTime(this.asked.introspection.backlog()) };
    if (name === 'overdue')
      return { status: 200, body: this.asked.introspection.consumerHealth().overdue ?? [] };
    if (name === 'concurrency') return this.concurrency.tell();
    if (name === 'dead-letters') return inTime(this.deadLetters.tell(rest, filter));
    if (name === 'subjects') return inTime(this.subjects.tell(rest));
    if (name === 'conversations')
      return { status: 200, body: this.service.conversations.of(rest[0] ?? '') };
    const token = Object.hasOwn(this.service.inspectable, name)
      ? this.service.inspectable[name]
      : undefined;
    if (!token || !this.app) return failed(404, `there is no /operations/${name} here`);
    const inspectable = this.app.get<InspectionProvider>(token, { strict: false });
    if (rest.length === 0) return inTime(listed(inspectable, filter));
    const found = await inTime(Promise.resolve(inspectable.find?.(...rest)));
    return found
      ? { status: 200, body: found }
      : failed(404, `${name}: there is no ${rest.join('/')}`);
  }

  private async status(): Promise<object> {
    const { name, environment, lifecycle } = this.service;
    const health =
      this.messaging &&
      (await inTime(this.messaging.introspection.health()).catch((error: Error) => ({
        intakes: [],
        outbox: undefined,
        unknown: error.message,
      })));
    return {
      service: name,
      instance: environment.INSTANCE,
      build: environment.BUILD,
      phase: lifecycle.phase,
      reason: lifecycle.reason,
      startedAt: lifecycle.startedAt,
      uptime: Math.round(process.uptime()),
      memory: process.memoryUsage.rss(),
      handles: this.handled(),
      routes: this.messaging?.introspection.routeInfo(),
      handlers: this.messaging?.introspection.handlerInfo(),
      inspectable: Object.keys(this.service.inspectable),
      ...health,
    };
  }

  /** The route and the handler of a contract in this service. */
  private explain(name: string): OperationsAnswer {
    const contract = known(name);
    if (!contract) return failed(404, `${this.service.name} has not loaded a contract ${name}`);
    const { kind, owner, version, key } = contract;
    const handlers = this.asked.introspection
      .handlerInfo()
      .filter((handler) => handler.contract === name);
    return {
      status: 200,
      body: {
        service: this.service.name,
        contract: { name, kind, owner, version, key },
        says: this.asked.introspection.explain(contract),
        handlers,
      },
    };
  }

  private handled(): object | undefined {
    const registry = this.messaging?.registry;
    return (
      registry && {
        calls: registry.allCalls().map(({ contract }) => contract.name),
        subscriptions: registry
          .subscriptions()
          .map(({ kind, name, handlers }) => ({ kind, name, contracts: [...handlers.keys()] })),
      }
    );
  }

  private async change(
    path: string,
    rest: string[],
    request: IncomingMessage,
  ): Promise<OperationsAnswer> {
    // Browsers send it with every POST: no web page may replay messages through the loopback
    // address of its visitor.
    if (request.headers.origin !== undefined)
      return failed(403, 'not from a browser; use the console');
    if (path === 'operations/concurrency') return inTime(this.concurrency.change(rest, request));
    if (path === 'operations/subjects') return inTime(this.subjects.change(rest, request));
    if (path !== 'operations/dead-letters') return failed(404, 'there is nothing to change here');
    return inTime(this.deadLetters.change(rest, request));
  }

  private get subjects(): SubjectRequests {
    return new SubjectRequests(this.asked, this.service.ownCopies, (message) =>
      this.service.logger.write('info', message),
    );
  }

  private get deadLetters(): DeadLetterRequests {
    return new DeadLetterRequests(this.asked, this.note);
  }

  private get concurrency(): ConcurrencyRequests {
    return new ConcurrencyRequests(this.asked, this.note);
  }

  private readonly note = (message: string): void => this.service.logger.write('info', message);

  private get asked(): Messaging {
    if (!this.messaging) throw new Error(this.service.lifecycle.reason ?? 'starting');
    return this.messaging;
  }
}

async function listed(
  inspectable: InspectionProvider,
  filter: Readonly<Record<string, string>>,
): Promise<OperationsAnswer> {
  try {
    return { status: 200, body: await inspectable.list(filter) };
  } catch (error) {
    if (error instanceof RangeError) return failed(400, error.message);
    throw error;
  }
}

/** Errors that the language throws for a mistake in code. */
const isBug = (error: unknown): boolean =>
  [TypeError, ReferenceError, RangeError, SyntaxError].some((kind) => error instanceof kind);

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

function known(name: string): Contract | undefined {
  try {
    return contractNamed(name);
  } catch (error) {
    if (error instanceof ContractError) return undefined;
    throw error;
  }
}

/** Bounds the wait, so that the request is answered even when a database or broker is not. */
async function inTime<T>(asked: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>(
    (_, reject) =>
      (timer = setTimeout(
        () => reject(new Error(`no answer within ${ASKING_TIMEOUT} ms`)),
        ASKING_TIMEOUT,
      )),
  );
  return Promise.race([asked, late]).finally(() => clearTimeout(timer));
}
