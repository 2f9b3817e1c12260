import type { INestApplication, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Messaging } from '@parley/messaging';
import { withoutSecretsInText } from '@parley/observability';
import { startTimer } from '@parley/resilience';
import { brokersUp } from './broker-wait';
import { AFTERWARDS, drain } from './drain';
import { shortestLeaseOf, watchEventLoop } from './blocked-loop';
import { describeEnvironment, type Environment } from './environment';
import { HttpServer } from './http-server';
import { installed } from './installed';
import { answerProblems, ProblemFilter, type ProblemOptions } from './http-problems';
import { NullHttpAdapter } from './null-http-adapter';
import { Operations } from './operations';
import { Service } from './service';
import { ServiceModule } from './service.module';
import { mapStacks } from './source-positions';
import { traceRequests } from './traced-requests';

export interface ServeOptions {
  /**
   * For a service with HTTP routes of its own: it gets fastify. Without it, only health, metrics
   * and operations are served.
   */
  readonly http?: Pick<ProblemOptions, 'problemOf' | 'beforeAnswer'> & {
    /**
     * Strangers reach PORT: metrics and operations are answered at OPERATIONS_PORT only, and
     * nowhere without it. Default false.
     */
    readonly toStrangers?: boolean;
    /** Bytes; a larger body is answered with 413. Default 1 MiB. */
    readonly bodyLimit?: number;
    /** Anything else fastify takes. */
    readonly fastify?: object;
    /** Before the application is initialised: documents, plugins, global pipes. */
    readonly configure?: (app: NestFastifyApplication) => void | Promise<void>;
  };
}

/**
 * Runs a service until it is told to stop: opens the door, the database, the technologies, then
 * takes work; on SIGTERM or SIGINT drains in order and exits 0. A start that fails says why in one
 * sentence and exits 1.
 */
export async function serve(module: Type, options: ServeOptions = {}): Promise<void> {
  mapStacks();
  const running: { process?: Process } = {};
  try {
    running.process = new Process(await serviceOf(module));
    await running.process.start(module, options);
  } catch (error) {
    // stopped while starting: a failure now is a consequence of that
    if (running.process?.stopping) return;
    process.stderr.write(`${sentence(error)}\n`);
    process.exit(1);
  }
}

class Process {
  stopping = false;
  private readonly door: HttpServer;
  private readonly operations: Operations;
  private app?: INestApplication;
  private messaging?: Messaging;

  constructor(private readonly service: Service) {
    this.operations = new Operations(service);
    watchEventLoop(
      (message) => service.logger.write('warn', message),
      shortestLeaseOf(brokerUrls(service.environment)),
    );
    this.door = new HttpServer(service.lifecycle, this.operations.receive, {
      maxConnections: service.environment.MAX_CONNECTIONS,
    });
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.on(signal, () => this.stop(signal));
    process.on('unhandledRejection', (reason) => this.crash('unhandled rejection', reason));
    process.on('uncaughtException', (error) => this.crash('uncaught exception', error));
  }

  async start(module: Type, { http }: ServeOptions): Promise<void> {
    const { environment, lifecycle, logger, metrics } = this.service;
    logger.write('info', 'environment', describeEnvironment(environment));
    await this.door.listen(environment.HOST, environment.PORT, {
      operationsPort: environment.OPERATIONS_PORT,
      operationsHost: environment.OPERATIONS_HOST,
      toStrangers: http?.toStrangers,
    });
    const brokers = brokersUp(brokerUrls(environment), { log: logger.write }); // looked for while the application is made
    lifecycle.enter('starting', 'making the application');
    const adapter = http ? await fastify(this.door, http) : new NullHttpAdapter(this.door);
    const app = await NestFactory.create(module, adapter as NullHttpAdapter, {
      logger,
      abortOnError: false,
    });
    this.app = app;
    const { telemetry } = this.service;
    if (http && telemetry)
      traceRequests(app as unknown as NestFastifyApplication, telemetry.tracing);
    if (http) answerProblems(app as unknown as NestFastifyApplication, this.problems(http));
    await http?.configure?.(app as unknown as NestFastifyApplication);
    this.messaging = app.get(Messaging);
    this.messaging.attach(app);
    metrics.measure(this.messaging.introspection);
    lifecycle.enter('starting', 'waiting for the brokers');
    await brokers;
    lifecycle.enter('starting', 'opening the technologies');
    await this.messaging.start(); // before the modules' own hooks, which may want to say something
    await app.init();
    if (http) await app.getHttpAdapter().getInstance().ready();
    this.operations.attach(app, http !== undefined);
    lifecycle.enter('starting', 'starting the intakes');
    await this.messaging.listen(app);
    if (this.stopping) return;
    lifecycle.enter('running');
    const milliseconds = Math.round(process.uptime() * 1000);
    logger.write('info', `${this.service.name} is ready at ${this.door.address}`, {
      milliseconds,
      rss: process.memoryUsage.rss(),
    });
  }

  private problems(http: NonNullable<ServeOptions['http']>): ProblemFilter {
    return new ProblemFilter({ ...http, outageIn: (error) => this.messaging?.outageIn(error) });
  }

  private stop(signal: string): void {
    const { lifecycle, logger, environment, database, telemetry, messageRecords } = this.service;
    if (this.stopping) process.exit(130); // a second signal exits at once
    this.stopping = true;
    logger.write('info', `${signal}: draining`);
    startTimer(environment.DRAIN_TIMEOUT + AFTERWARDS, () => process.exit(1), { ref: false });
    void drain({
      lifecycle,
      door: this.door,
      messaging: this.messaging,
      app: this.app,
      database,
      telemetry: {
        close: async () => {
          await Promise.all([telemetry?.close(), messageRecords?.close()]);
        },
      },
      timeout: environment.DRAIN_TIMEOUT,
      log: logger.write,
    }).then((orderly) => {
      logger.write(
        'info',
        orderly ? 'stopped' : 'stopped, but not everything ended as it should; see above',
      );
      process.exit(0);
    });
  }

  /**
   * Ends the process, because its state is unknown. Its supervisor starts a fresh one; the messages
   * that it was handling are delivered again.
   */
  private crash(what: string, error: unknown): void {
    this.service.logger.write('fatal', what, { error });
    if (!this.stopping) process.exit(1); // a drain ends by itself, and saves more than an exit would
  }
}

/** The service's own database is waited for where it is opened. */
function brokerUrls({
  COMMANDS_URL,
  BROADCASTS_URL,
  EVENTS_URL,
  KEYS_URL,
  DATABASE_URL,
  contractUrls,
}: Environment): readonly (string | undefined)[] {
  return [
    COMMANDS_URL,
    BROADCASTS_URL,
    EVENTS_URL,
    KEYS_URL,
    ...Object.values(contractUrls),
  ].filter((url) => url !== DATABASE_URL);
}

async function fastify(
  door: HttpServer,
  { bodyLimit, fastify }: NonNullable<ServeOptions['http']>,
) {
  const { FastifyAdapter } = await installed(
    '@nestjs/platform-fastify',
    'HTTP: fastify is',
    () => import('@nestjs/platform-fastify'),
  );
  return new FastifyAdapter({
    ...fastify,
    ...(bodyLimit === undefined ? {} : { bodyLimit }),
    serverFactory: door.serverFactory,
  } as never);
}

/**
 * The `Service` that the module's `ServiceModule.forRoot` made: needed before Nest makes anything,
 * so that the door opens first.
 */
async function serviceOf(module: Type): Promise<Service> {
  const imports = await Promise.all(
    (Reflect.getMetadata('imports', module) as unknown[] | undefined) ?? [],
  );
  const found = imports.find(
    (one): one is Awaited<ReturnType<typeof ServiceModule.forRoot>> =>
      (one as { module?: unknown } | undefined)?.module === ServiceModule,
  );
  const provider = found?.providers?.find(
    (one) => (one as { provide?: unknown }).provide === Service,
  );
  if (!provider)
    throw new Error(
      `${module.name} does not import ServiceModule.forRoot({ service, environment, … }); add it to its imports`,
    );
  return (provider as { useValue: Service }).useValue;
}

/** One sentence for a person; programming errors keep their place in the code. */
function sentence(error: unknown): string {
  if (!(error instanceof Error)) return withoutSecretsInText(String(error));
  const unexpected =
    error.constructor === TypeError ||
    error.constructor === ReferenceError ||
    error.constructor === SyntaxError;
  return withoutSecretsInText(unexpected ? (error.stack ?? error.message) : error.message);
}
