import type { InjectionToken } from '@nestjs/common';
import { Conversations, Logger, Metrics } from '@parley/observability';
import type { Environment } from './environment';
import type { Database } from './database';
import { Lifecycle } from './lifecycle';
import type { InspectionProvider } from './inspection-provider';

export interface ServiceParts {
  readonly environment: Environment;
  readonly database?: Database;
  readonly inspectable?: Readonly<Record<string, InjectionToken<InspectionProvider>>>;
  readonly ownCopies?: string;
}

/**
 * What one process of a service consists of, beside what it says and handles. Inject it to ask for
 * name, environment or logger.
 */
export class Service {
  readonly environment: Environment;
  readonly database?: Database;
  /** What `/operations` shows beside messages, by name. */
  readonly inspectable: Readonly<Record<string, InjectionToken<InspectionProvider>>>;
  /** What of those whom messages are about it keeps by itself, in words. */
  readonly ownCopies?: string;
  readonly lifecycle = new Lifecycle();
  readonly metrics = new Metrics();
  readonly conversations: Conversations;

  constructor(
    readonly name: string,
    readonly logger: Logger,
    { environment, database, inspectable = {}, ownCopies }: ServiceParts,
  ) {
    this.environment = environment;
    this.conversations = new Conversations(name);
    this.database = database;
    this.inspectable = inspectable;
    this.ownCopies = ownCopies;
  }
}
