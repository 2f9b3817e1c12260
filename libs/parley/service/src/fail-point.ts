import { crashAt, type FailpointHook } from '@parley/messaging/transport';
import type { Logger } from '@parley/observability';
import type { Environment } from './environment';

/**
 * What `PARLEY_FAILPOINT` asks for: at that step the process is gone, as by `kill -9`. Without it
 * there is nothing to ask.
 */
export function passesOf(
  { PARLEY_FAILPOINT: spec }: Pick<Environment, 'PARLEY_FAILPOINT'>,
  logger: Pick<Logger, 'write'>,
): FailpointHook | undefined {
  if (spec === undefined) return undefined;
  logger.write('warn', `this process kills itself at ${spec}; PARLEY_FAILPOINT is for trials`);
  return crashAt(spec, () => process.kill(process.pid, 'SIGKILL'));
}
