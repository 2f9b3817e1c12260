import { Module, type DynamicModule, type InjectionToken, type Type } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { contractsLoaded } from '@parley/contract';
import {
  type CallersOptions,
  MessagingModule,
  type MessagingOptions,
  type Store,
  type Technology,
} from '@parley/messaging';
import { explainingUrlErrors, urlVariable } from '@parley/messaging/transport';
import { Logger, MessageRecords, Metrics, observers } from '@parley/observability';
import type { PostgresStoreOptions } from '@parley/postgres';
import { DataSource, type EntityTarget, type MigrationInterface } from 'typeorm';
import { JwtCallerTokens } from './caller-tokens';
import { Database, DatabaseError } from './database';
import type { Environment } from './environment';
import { passesOf } from './fail-point';
import { installed } from './installed';
import { AuditTrail, type InspectionProvider } from '@parley/operations';
import { Service } from './service';
import { telemetryOf } from './telemetry';
import { technologiesFor } from './technologies';

export interface ServiceOptions {
  /** Its name: the owner in its contracts, its schema, its queue. */
  readonly service: string;
  /** From its `config.ts`. */
  readonly environment: Environment;
  /** In order. With them the service has data: a DataSource, transactions, an outbox. */
  readonly migrations?: readonly Type<MigrationInterface>[];
  readonly entities?: readonly EntityTarget<object>[];
  /**
   * Technologies of one's own, beside those of the kit. Each is used where a URL has one of its
   * schemes; one of the kit with the same scheme is not.
   */
  readonly technologies?: readonly Technology[];
  /** Further providers of `/operations/<name>`: `{ sagas: SagaOperations }`. */
  readonly operations?: Readonly<Record<string, InjectionToken<InspectionProvider>>>;
  /**
   * Description of the personal data that the service keeps in tables and files of its own. Shown
   * to operators when they erase a subject, because deleting a key does not erase these copies.
   */
  readonly ownCopies?: string;
}

/**
 * Gives a service everything: its database, Messenger and Transactions, logs, metrics and health.
 * Reliability is on; there is nothing to add to it.
 */
@Module({})
export class ServiceModule {
  static async forRoot(options: ServiceOptions): Promise<DynamicModule> {
    const { environment, service: name, operations } = options;
    const logger = new Logger({
      service: name,
      instance: environment.INSTANCE,
      level: environment.LOG_LEVEL,
    });
    const database = options.migrations && (await databaseOf(options, options.migrations, logger));
    const service = new Service(name, logger, {
      environment,
      database,
      telemetry: await telemetryOf(name, environment, logger),
      messageRecords: recordsOf(name, environment, logger),
      inspectable: operations,
      ownCopies: options.ownCopies,
    });
    const messaging = await messagingOptions(service, options.technologies);
    const data = database
      ? [{ provide: DataSource, useFactory: () => opened(service, database) }]
      : [];
    return {
      module: ServiceModule,
      global: true,
      imports: [
        TerminusModule.forRoot({ logger: false }), // a probe asks every second; the answer says why
        MessagingModule.forRootAsync({
          inject: database ? [DataSource] : [],
          useFactory: (...[dataSource]: DataSource[]) => messaging(dataSource),
        }),
      ],
      providers: [
        { provide: Service, useValue: service },
        { provide: Logger, useValue: logger },
        { provide: Metrics, useValue: service.metrics },
        { provide: AuditTrail, useValue: service.audit },
        ...data,
      ],
      exports: [Service, Logger, Metrics, AuditTrail, ...(database ? [DataSource] : [])],
    };
  }
}

async function databaseOf(
  { service, environment, entities = [] }: ServiceOptions,
  migrations: readonly Type<MigrationInterface>[],
  logger: Logger,
): Promise<Database> {
  const { DATABASE_URL: url, INSTANCE: instance, CONCURRENCY: concurrency } = environment;
  if (url === undefined)
    throw new DatabaseError(
      `${service} keeps data, but DATABASE_URL is not set; set it to postgres://user:password@host:5432/database`,
    );
  const { postgresUrl, prepareSession, withPatience } = await postgres();
  explainingUrlErrors('DATABASE_URL', () => postgresUrl(url));
  return new Database({
    url,
    schema: service,
    instance,
    entities,
    migrations,
    concurrency,
    log: logger.write,
    prepareSession,
    withPatience,
  });
}

/** @throws NotInstalledError */
const postgres = () =>
  installed('@parley/postgres', 'DATABASE_URL: postgres is', () => import('@parley/postgres'));

async function opened({ lifecycle }: Service, database: Database): Promise<DataSource> {
  lifecycle.enter('starting', 'waiting for the database');
  const dataSource = await database.open();
  lifecycle.enter('starting', 'making the application');
  return dataSource;
}

async function messagingOptions(
  {
    name,
    environment,
    logger,
    metrics,
    conversations,
    database,
    telemetry,
    messageRecords,
  }: Service,
  ownTechnologies?: readonly Technology[],
): Promise<(dataSource?: DataSource) => MessagingOptions> {
  const { COMMANDS_URL, BROADCASTS_URL, EVENTS_URL, KEYS_URL, HOST, CALLS_PORT, callsOf } =
    environment;
  const claims = environment.CLAIMS_URL === 'none' ? false : environment.CLAIMS_URL;
  const own = contractsWithUrl(environment);
  const urls = {
    COMMANDS_URL,
    BROADCASTS_URL,
    EVENTS_URL,
    KEYS_URL,
    ...(claims && !claims.startsWith('file:') && { CLAIMS_URL: claims }),
    CALLS_URL: callsOf(name),
    ...Object.fromEntries(own.map(({ variable, url }) => [variable, url])),
  };
  const technologies = await technologiesFor(urls, ownTechnologies);
  const callers = callersOf(name, environment, logger);
  const passes = passesOf(environment, logger);
  const storeFor = database && (await storeMaker({ service: name, log: logger.write, passes }));
  return (dataSource) => ({
    service: name,
    instance: environment.INSTANCE,
    build: environment.BUILD,
    urls: {
      commands: COMMANDS_URL,
      broadcasts: BROADCASTS_URL,
      events: EVENTS_URL,
      calls: callsOf,
      contracts: Object.fromEntries(own.map(({ contract, url }) => [contract, url])),
    },
    listen: CALLS_PORT === undefined ? undefined : { host: HOST, port: CALLS_PORT },
    technologies,
    store: dataSource && storeFor?.(dataSource),
    keys: KEYS_URL,
    claims,
    topology: environment.PARLEY_TOPOLOGY,
    concurrency: environment.CONCURRENCY,
    circuitBreaker: environment.PAUSE_AT > 0 && { failureRatio: environment.PAUSE_AT / 100 },
    callResilience: environment.CALLS_RESILIENCE === 'on',
    callers,
    observer: observers(
      metrics.observer,
      conversations.observer,
      ...(messageRecords ? [messageRecords.observer] : []),
    ),
    tracing: telemetry?.tracing,
    log: logger.write,
    passes,
  });
}

function recordsOf(
  service: string,
  {
    MESSAGES_ENDPOINT: endpoint,
    INSTANCE: instance,
    BUILD: build,
    OPERATIONS_TOKEN: token,
  }: Environment,
  { write: log }: Logger,
): MessageRecords | undefined {
  return endpoint === 'none'
    ? undefined
    : new MessageRecords({ endpoint, service, instance, build, token, log });
}

/** @throws UnusableFileError */
function callersOf(
  service: string,
  environment: Environment,
  { write: log }: Logger,
): CallersOptions | undefined {
  const { CALLS_ALLOWED: allowed, CALLS_TOKEN_KEY: key, CALLS_TOKEN_KEYS: keys } = environment;
  const own = contractsLoaded().filter(({ kind, owner }) => kind === 'call' && owner === service);
  const allowedFor = own.flatMap(({ kind, name }) => {
    const variable = urlVariable(kind, name).replace('_URL_', '_ALLOWED_');
    const services = environment.allowedFor[variable];
    return services ? [[name, services] as const] : [];
  });
  const hasTokens = key !== undefined || keys !== undefined;
  if (!hasTokens && allowed === undefined && allowedFor.length === 0) return undefined;
  const tokens = hasTokens ? new JwtCallerTokens({ service, key, keys, log }) : undefined;
  return { allowed, allowedFor: Object.fromEntries(allowedFor), tokens };
}

/**
 * The contracts with a URL of their own that this process has loaded. All processes may get the
 * variables of all contracts: each uses those that it knows.
 */
function contractsWithUrl({ contractUrls }: Environment) {
  return contractsLoaded().flatMap(({ kind, name }) => {
    const variable = urlVariable(kind, name);
    const url = contractUrls[variable];
    return kind === 'call' || url === undefined ? [] : [{ contract: name, variable, url }];
  });
}

async function storeMaker(
  options: PostgresStoreOptions,
): Promise<(dataSource: DataSource) => Store> {
  const { PostgresStore } = await postgres();
  return (dataSource) => new PostgresStore(dataSource, options);
}
