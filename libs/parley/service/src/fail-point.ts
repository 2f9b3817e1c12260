import { crashAt, type FailpointHook } from '@parley/messaging/transport';
import type { Logger } from '@parley/observability';
import type { Environment } from './environment';

/**
 * The hook for `PARLEY_FAILPOINT`: ends the process at that step, as `kill -9` does. Undefined when
 * the variable is not set.
 */
export function passesOf(
  { PARLEY_FAILPOINT: spec }: Pick<Environment, 'PARLEY_FAILPOINT'>,
  logger: Pick<Logger, 'write'>,
): FailpointHook | undefined {
  if (spec === undefined) return undefined;
  logger.write('warn', `this process kills itself at ${spec}; PARLEY_FAILPOINT is for trials`);
  return crashAt(spec, () => process.kill(process.pid, 'SIGKILL'));
}
