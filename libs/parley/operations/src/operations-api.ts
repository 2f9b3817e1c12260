import { ContractError, contractNamed, contractsLoaded, type Contract } from '@parley/contract';
import type { Messaging } from '@parley/messaging';
import { withTimeout } from '@parley/messaging/transport';
import { z } from 'zod';
import { asyncDocument } from './async-document';
import { AuditTrail } from './audit-trail';
import { ConcurrencyRequests } from './concurrency-requests';
import { DeadLetterRequests } from './dead-letter-requests';
import type { InspectionProvider } from './inspection-provider';
import type { OperationsAccess } from './operations-access';
import type { Operator } from './operators';
import {
  type AdmittedRequest,
  failed,
  type OperationsAnswer,
  type OperationsRequest,
  read,
  refusingBadRequests,
} from './operations-request';
import { SubjectRequests } from './subject-requests';

const ASKING_TIMEOUT_MS = 3_000;

const AuditQuery = z.object({
  who: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
});

/** Facts of the process that `status` shows beside those of messaging. */
export interface Facts {
  readonly service: string;
  readonly instance: string;
  readonly build: string;
  readonly phase: string;
  /** The reason for which it takes no work. */
  readonly reason?: string;
  readonly startedAt: Date;
}

export interface OperationsApiOptions {
  readonly access: OperationsAccess;
  /** Default: one of its own. */
  readonly audit?: AuditTrail;
  readonly facts: () => Facts;
  /** Undefined while the process starts. */
  readonly messaging: () => Messaging | undefined;
  /** Names of the providers of `/operations/<name>`. */
  readonly inspectable: readonly string[];
  readonly provider: (name: string) => InspectionProvider | undefined;
  /** The messages of a conversation that this process handled lately, if it keeps them. */
  readonly conversation?: (id: string) => object;
  /**
   * Description of the data about subjects in the service's own tables and files, which deleting a
   * key does not erase.
   */
  readonly ownCopies?: string;
  readonly log: (level: 'info' | 'error', message: string, details?: object) => void;
}

/**
 * The operations of a process, for a server to answer with. Paths are below where it is mounted.
 *     GET  status  backlog  contracts  explain/:contract  asyncapi  topology  doctor
 *     GET  dead-letters[/groups]?subscription=&contract=&error=&group=&from=&to=&limit=
 *     GET  dead-letters/:id  dead-letters/audit?letter=&who=&limit=
 *     POST dead-letters/:id/replay|edit|discard  dead-letters/replay|discard
 *     GET  dead-letters/runs[/:id]   POST dead-letters/runs  dead-letters/runs/:id/cancel
 *     GET  audit?who=&limit=   changes that operators asked this process for
 *     GET  overdue             handlings over their timeout: contract, id, age
 *     GET  concurrency   POST concurrency/:subscription
 *     GET  subjects/:subject   POST subjects/:subject/erase
 *     GET  conversations/:id   messages of a conversation that this process handled lately
 *     GET  :name[/:key…]       entries of a provider that the service declares
 *     POST :name/:key…         its changes: sagas/:saga/:key/retry|skip|cancel|resume
 */
export class OperationsApi {
  private readonly audit: AuditTrail;

  constructor(private readonly options: OperationsApiOptions) {
    this.audit =
      options.audit ?? new AuditTrail((message, details) => options.log('info', message, details));
  }

  /** Answers every request; an error is an answer, too. Changes are recorded, also refused ones. */
  async answer(request: OperationsRequest): Promise<OperationsAnswer> {
    const { method, parts, from } = request;
    const { operator, answer } = await this.admitted(request);
    if (method === 'POST') {
      const path = `/operations/${parts.map(encodeURIComponent).join('/')}`;
      this.audit.note({ method, path, from }, operator, answer.status);
    }
    return answer;
  }

  private async admitted(
    request: OperationsRequest,
  ): Promise<{ readonly operator?: Operator; readonly answer: OperationsAnswer }> {
    const admission = await this.options.access.admit(request.method, request.headers);
    if (admission.refusal !== undefined) {
      const { status, message, operator } = admission.refusal;
      return { operator, answer: failed(status, message) };
    }
    const operator = foundByGuard(request) ?? admission.operator;
    return { operator, answer: await this.done({ ...request, operator: operator.name }) };
  }

  private async done(request: AdmittedRequest): Promise<OperationsAnswer> {
    const [name = '', ...rest] = request.parts;
    try {
      if (request.method === 'POST') return await this.change(name, rest, request);
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return failed(405, `${request.method} is not answered here`);
      return await this.show(name, rest, request.query);
    } catch (error) {
      const path = request.parts.map(encodeURIComponent).join('/');
      return this.failure(`${request.method} /operations/${path}`, error);
    }
  }

  /**
   * Reports an outage to the caller; a bug is described only in the log.
   * @param asked method and path, for the log
   */
  failure(asked: string, error: unknown): OperationsAnswer {
    const outage = this.options.messaging()?.outageIn(error);
    if (outage || !isBug(error)) return failed(503, messageOf(outage ?? error));
    this.options.log('error', `${asked} failed`, { error });
    return failed(500, 'something went wrong here; the log says what');
  }

  private async show(
    name: string,
    rest: string[],
    filter: Readonly<Record<string, string>>,
  ): Promise<OperationsAnswer> {
    if (name === 'status') return { status: 200, body: await this.status() };
    if (name === 'explain') return this.explain(rest[0] ?? '');
    if (name === 'asyncapi')
      return {
        status: 200,
        body: asyncDocument(this.options.facts().service, this.asked.introspection),
      };
    if (name === 'contracts') return { status: 200, body: this.contracts() };
    if (name === 'topology') return { status: 200, body: this.asked.introspection.topology() };
    if (name === 'doctor')
      return { status: 200, body: await inTime(this.asked.introspection.checkDurability()) };
    if (name === 'backlog')
      return { status: 200, body: await inTime(this.asked.introspection.backlog()) };
    if (name === 'overdue')
      return { status: 200, body: this.asked.introspection.consumerHealth().overdue ?? [] };
    if (name === 'concurrency') return this.concurrency.show();
    if (name === 'audit') return this.audited(filter);
    if (name === 'dead-letters') return inTime(this.deadLetters.show(rest, filter));
    if (name === 'subjects') return inTime(this.subjects.show(rest));
    if (name === 'conversations' && this.options.conversation)
      return { status: 200, body: this.options.conversation(rest[0] ?? '') };
    return this.inspect(name, rest, filter);
  }

  private audited(filter: Readonly<Record<string, string>>): Promise<OperationsAnswer> {
    return refusingBadRequests(async () => {
      const { who, limit } = read(AuditQuery, filter);
      return { status: 200, body: { entries: this.audit.latest(limit, who) } };
    });
  }

  private async inspect(
    name: string,
    key: string[],
    filter: Readonly<Record<string, string>>,
  ): Promise<OperationsAnswer> {
    const { inspectable, provider } = this.options;
    const found = inspectable.includes(name) ? provider(name) : undefined;
    if (!found) return failed(404, `there is no /operations/${name} here`);
    if (key.length === 0) return inTime(listed(found, filter));
    const entry = await inTime(Promise.resolve(found.find?.(...key)));
    return entry
      ? { status: 200, body: entry }
      : failed(404, `${name}: there is no ${key.join('/')}`);
  }

  private async status(): Promise<object> {
    const { service, instance, build, phase, reason, startedAt } = this.options.facts();
    const introspection = this.options.messaging()?.introspection;
    const health =
      introspection &&
      (await inTime(introspection.health()).catch((error: Error) => ({
        intakes: [],
        outbox: undefined,
        unknown: error.message,
      })));
    return {
      service,
      instance,
      build,
      phase,
      reason,
      startedAt,
      uptime: Math.round(process.uptime()),
      memory: process.memoryUsage.rss(),
      handles: this.handled(),
      routes: introspection?.routeInfo(),
      handlers: introspection?.handlerInfo(),
      inspectable: this.options.inspectable,
      ...health,
    };
  }

  /** Every contract that this service has loaded, with its handlers here. */
  private contracts(): object {
    const handlers = this.asked.introspection.handlerInfo();
    return contractsLoaded().map(({ name, kind, owner, version, key }) => ({
      ...{ name, kind, owner, version, key },
      handlers: handlers.filter(({ contract }) => contract === name),
    }));
  }

  /** The route and the handler of a contract in this service. */
  private explain(name: string): OperationsAnswer {
    const { service } = this.options.facts();
    const contract = known(name);
    if (!contract) return failed(404, `${service} has not loaded a contract ${name}`);
    const { kind, owner, version, key } = contract;
    const handlers = this.asked.introspection
      .handlerInfo()
      .filter((handler) => handler.contract === name);
    return {
      status: 200,
      body: {
        service,
        contract: { name, kind, owner, version, key },
        says: this.asked.introspection.explain(contract),
        handlers,
      },
    };
  }

  private handled(): object | undefined {
    const registry = this.options.messaging()?.registry;
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
    name: string,
    rest: string[],
    request: AdmittedRequest,
  ): Promise<OperationsAnswer> {
    // Browsers send it with every POST: no web page may replay messages through the loopback
    // address of its visitor.
    if (request.headers.origin !== undefined)
      return failed(403, 'not from a browser; use the console');
    if (name === 'concurrency') return inTime(this.concurrency.change(rest, request));
    if (name === 'subjects') return inTime(this.subjects.change(rest, request));
    if (name === 'dead-letters') return inTime(this.deadLetters.change(rest, request));
    return inTime(this.changeOf(name, rest, request));
  }

  private async changeOf(
    name: string,
    path: readonly string[],
    request: AdmittedRequest,
  ): Promise<OperationsAnswer> {
    const { inspectable, provider } = this.options;
    const found = inspectable.includes(name) ? provider(name) : undefined;
    const nothing = failed(404, 'there is nothing to change here');
    if (!found?.change) return nothing;
    const answer = await refusingBadRequests(() =>
      refusingRanges(
        async () => (await found.change!(path, await request.body(), request.operator)) ?? nothing,
      ),
    );
    if (answer.status < 300)
      this.note(`${request.operator} changed ${name}/${path.map(encodeURIComponent).join('/')}`);
    return answer;
  }

  private get subjects(): SubjectRequests {
    return new SubjectRequests(this.asked, this.options.ownCopies, this.note);
  }

  private get deadLetters(): DeadLetterRequests {
    return new DeadLetterRequests(this.asked, this.note);
  }

  private get concurrency(): ConcurrencyRequests {
    return new ConcurrencyRequests(this.asked, this.note);
  }

  private readonly note = (message: string): void => this.options.log('info', message);

  private get asked(): Messaging {
    const messaging = this.options.messaging();
    if (!messaging) throw new Error(this.options.facts().reason ?? 'starting');
    return messaging;
  }
}

/** The operator of an application's own guard, which decides about roles by itself. */
const foundByGuard = ({ operator: name }: OperationsRequest): Operator | undefined =>
  name === undefined ? undefined : { name, isProven: true };

const listed = (
  inspectable: InspectionProvider,
  filter: Readonly<Record<string, string>>,
): Promise<OperationsAnswer> =>
  refusingRanges(async () => ({ status: 200, body: await inspectable.list(filter) }));

async function refusingRanges(answer: () => Promise<OperationsAnswer>): Promise<OperationsAnswer> {
  try {
    return await answer();
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
const inTime = <T>(asked: Promise<T>): Promise<T> =>
  withTimeout(
    ASKING_TIMEOUT_MS,
    asked,
    () => new Error(`no answer within ${ASKING_TIMEOUT_MS} ms`),
  );
