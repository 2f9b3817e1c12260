import type { LoggerService } from '@nestjs/common';
import { currentConversation } from '@parley/messaging';
import { traceIdOf } from '@parley/messaging/transport';
import { pino, type DestinationStream, type Logger as Pino } from 'pino';
import { withoutSecrets, withoutSecretsInText } from './redaction';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** From the coarsest to the finest. */
export const LOG_LEVELS = [
  'fatal',
  'error',
  'warn',
  'info',
  'debug',
  'trace',
] as const satisfies readonly LogLevel[];

export interface LoggerOptions {
  readonly service: string;
  readonly instance: string;
  readonly level: LogLevel;
  /** Default: standard output. */
  readonly destination?: DestinationStream;
}

/**
 * Nest's log of its own wiring: useful for debugging it, else twenty lines of noise at every start.
 */
const WIRING = new Set([
  'InstanceLoader',
  'NestApplication',
  'NestFactory',
  'NestMicroservice',
  'RouterExplorer',
  'RoutesResolver',
]);

/**
 * Nest logs the error of a failed start with its stack, and throws it, too: the caller reports it
 * in one sentence.
 */
const START = 'ExceptionHandler';

/**
 * One JSON object a line. Every line says which service, instance and conversation it belongs to;
 * no line holds a secret.
 */
export class Logger implements LoggerService {
  private readonly pino: Pino;

  constructor({ service, instance, level, destination }: LoggerOptions) {
    const options = {
      level,
      messageKey: 'message',
      base: { service, instance },
      timestamp: pino.stdTimeFunctions.isoTime,
      mixin: conversation,
      formatters: { level: (label: string) => ({ level: label }) },
    };
    this.pino = destination ? pino(options, destination) : pino(options);
  }

  /** The way the kit itself logs. */
  readonly write = (level: LogLevel, message: string, details?: object): void => {
    if (!this.pino.isLevelEnabled(level)) return;
    this.pino[level](
      details === undefined ? {} : (withoutSecrets(details) as object),
      withoutSecretsInText(message),
    );
  };

  log(message: unknown, ...rest: unknown[]): void {
    const context = contextOf(rest);
    this.fromNest(WIRING.has(context ?? '') ? 'debug' : 'info', message, context);
  }

  error(message: unknown, ...rest: unknown[]): void {
    const context = contextOf(rest);
    const stack = rest.find((part) => typeof part === 'string' && part.includes('\n'));
    this.fromNest(
      context === START ? 'debug' : 'error',
      message,
      context,
      stack === undefined ? {} : { stack },
    );
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.fromNest('warn', message, contextOf(rest));
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.fromNest('debug', message, contextOf(rest));
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.fromNest('trace', message, contextOf(rest));
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.fromNest('fatal', message, contextOf(rest));
  }

  private fromNest(
    level: LogLevel,
    message: unknown,
    context?: string,
    details: object = {},
  ): void {
    const about = context === undefined ? details : { context, ...details };
    if (message instanceof Error) this.write(level, message.message, { ...about, error: message });
    else if (typeof message === 'object' && message !== null)
      this.write(level, context ?? '', { ...about, ...message });
    else this.write(level, String(message), about);
  }
}

/** Nest hands the logging class's name over as the last argument. */
function contextOf(rest: readonly unknown[]): string | undefined {
  const last = rest.at(-1);
  return typeof last === 'string' && !last.includes('\n') ? last : undefined;
}

/** A new object every time: pino merges the line's details into it. */
function conversation(): object {
  const current = currentConversation();
  if (!current) return {};
  const { traceparent, correlationId, messageId, contract } = current;
  return {
    traceId: traceIdOf(traceparent),
    correlationId: shown(correlationId),
    messageId: shown(messageId),
    contract: shown(contract),
  };
}

/** Other programs may have written it. */
const shown = (attribute?: string): string | undefined =>
  attribute && withoutSecretsInText(attribute);
