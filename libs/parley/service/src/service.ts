import type { InjectionToken } from '@nestjs/common';
import { Conversations, Logger, type MessageRecords, Metrics } from '@parley/observability';
import type { Environment } from './environment';
import type { Database } from './database';
import { Lifecycle } from './lifecycle';
import type { Telemetry } from './telemetry';
import { AuditTrail, type InspectionProvider } from '@parley/operations';

export interface ServiceParts {
  readonly environment: Environment;
  readonly database?: Database;
  readonly telemetry?: Telemetry;
  readonly messageRecords?: MessageRecords;
  readonly inspectable?: Readonly<Record<string, InjectionToken<InspectionProvider>>>;
  readonly ownCopies?: string;
}

/**
 * The parts of a service's process apart from its messages and handlers. Inject it for the name,
 * the environment or the logger.
 */
export class Service {
  readonly environment: Environment;
  readonly database?: Database;
  /** Traces; undefined where they are not exported. */
  readonly telemetry?: Telemetry;
  /** Sends handled messages to the console; undefined without MESSAGES_ENDPOINT. */
  readonly messageRecords?: MessageRecords;
  /** Providers of `/operations/<name>`, by name. */
  readonly inspectable: Readonly<Record<string, InjectionToken<InspectionProvider>>>;
  /** Description of the personal data that the service keeps by itself. */
  readonly ownCopies?: string;
  readonly lifecycle = new Lifecycle();
  readonly metrics: Metrics;
  readonly conversations: Conversations;
  readonly audit: AuditTrail;

  constructor(
    readonly name: string,
    readonly logger: Logger,
    { environment, database, telemetry, messageRecords, inspectable = {}, ownCopies }: ServiceParts,
  ) {
    this.environment = environment;
    this.audit = new AuditTrail((message, details) => logger.write('info', message, details));
    this.conversations = new Conversations(name);
    this.database = database;
    this.telemetry = telemetry;
    this.messageRecords = messageRecords;
    this.metrics = new Metrics({ hasTraces: telemetry !== undefined });
    this.inspectable = inspectable;
    this.ownCopies = ownCopies;
  }
}
