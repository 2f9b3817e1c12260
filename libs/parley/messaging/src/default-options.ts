import { hostname } from 'node:os';
import { Logger } from '@nestjs/common';
import type { MessagingOptions } from './messaging-options';
import type { TransportContext } from './ports/transport';

type Defaulted = 'instance' | 'build' | 'log';

/** Options with the values that an application may leave out. */
export type CompleteOptions = MessagingOptions & Required<Pick<MessagingOptions, Defaulted>>;

/** Nest's own logger; of the details it gets the stack of an error. */
function logToNest(): TransportContext['log'] {
  const logger = new Logger('Parley');
  return (level, message, details) => {
    const stack =
      details && 'error' in details && details.error instanceof Error ? details.error.stack : '';
    if (level === 'error' && stack) logger.error(message, stack);
    else logger[level === 'info' ? 'log' : level](message);
  };
}

export const withDefaults = (options: MessagingOptions): CompleteOptions => ({
  ...options,
  instance: options.instance ?? `${hostname()}-${process.pid}`,
  build: options.build ?? 'development',
  log: options.log ?? logToNest(),
});
