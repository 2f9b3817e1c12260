import {
  type BeforeApplicationShutdown,
  type INestApplication,
  Inject,
  Injectable,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { type Duration, milliseconds } from '@parley/contract';
import { Messaging } from './messaging';
import { Shutdown } from './shutdown';

export interface ApplicationOptions {
  /** Longest time for running handlers when the application ends. Default 10 s. */
  readonly drainTimeout?: Duration;
}

const DRAIN_TIMEOUT_MS = 10_000;

/**
 * Starts messaging in an application that has an HTTP adapter, a database and a shutdown of its
 * own: from now on its handlers receive messages. Messaging ends with the application, in order,
 * when `app.close()` is called, as Nest does on a signal after `app.enableShutdownHooks()`. Call it
 * once, before or after `app.listen`. A service made by `serve` of @parley/service does not need
 * it.
 * @throws one sentence that names the remedy, when a technology cannot be used
 */
export async function startMessaging(
  app: INestApplication,
  options: ApplicationOptions = {},
): Promise<void> {
  await app.get(ApplicationLife).start(app, options);
}

/** Messaging follows the life cycle of the application; does nothing until it is started. */
@Injectable()
export class ApplicationLife implements BeforeApplicationShutdown, OnApplicationShutdown {
  private shutdown?: Shutdown;

  constructor(@Inject(Messaging) private readonly messaging: Messaging) {}

  async start(app: INestApplication, { drainTimeout }: ApplicationOptions): Promise<void> {
    this.shutdown = new Shutdown({
      timeoutMs: drainTimeout === undefined ? DRAIN_TIMEOUT_MS : milliseconds(drainTimeout),
      setting: 'drainTimeout',
      log: this.messaging.log,
    });
    this.messaging.attach(app);
    await this.messaging.start(); // before the modules' own hooks, which may want to send something
    await app.init();
    await this.messaging.listen(app);
  }

  /** Drains before Nest closes the consumers: Nest would close them under running handlers. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.shutdown?.drain(this.messaging);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.shutdown?.close('the technologies', this.messaging);
  }
}
