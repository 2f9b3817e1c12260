import { z } from 'zod';
import type { Answer } from '../fleet/fleet';

const Part = z.looseObject({
  status: z.string(),
  degraded: z.boolean().optional(),
  state: z.string().optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
});
type Part = z.infer<typeof Part>;

/** The answer of `/health/ready`. */
const Health = z.looseObject({ status: z.string(), details: z.record(z.string(), Part) });

/** The answer of `/operations/status`, as far as it tells of health. */
export const Status = z.looseObject({
  instance: z.string().optional(),
  build: z.string().optional(),
  uptime: z.number().optional(),
  intakes: z
    .array(
      z.looseObject({
        kind: z.string(),
        technology: z.string(),
        state: z.string(),
        reason: z.string().optional(),
      }),
    )
    .optional(),
  paused: z
    .array(z.looseObject({ subscription: z.string(), reason: z.string().optional() }))
    .optional(),
});
export type Status = z.infer<typeof Status>;

/** Silent: nothing answers at its address. */
export type State = 'ready' | 'degraded' | 'not ready' | 'silent';

export interface Readiness {
  readonly state: State;
  /** Why it is not ready or degraded; the root cause alone where others follow from it. */
  readonly causes: readonly string[];
}

/**
 * @param health of `/health/ready`; an application that has operations alone answers 404
 * @param status of `/operations/status`
 */
export function readinessOf(health: Answer, status: Status | undefined): Readiness {
  if (health.status === undefined && !status)
    return { state: 'silent', causes: [health.error ?? 'it does not answer'] };
  const details = Health.safeParse(health.body).data?.details;
  const parts = details ? Object.entries(details) : partsOf(status);
  const down = parts.filter(([, { status: of }]) => of !== 'up');
  if (down.length > 0) return { state: 'not ready', causes: rootOf(down).map(cause) };
  const degraded = parts.filter(([, part]) => part.degraded);
  if (degraded.length > 0) return { state: 'degraded', causes: degraded.map(cause) };
  if (details || status) return { state: 'ready', causes: [] };
  return { state: 'not ready', causes: [`/health/ready answers ${health.status}`] };
}

const partsOf = (status: Status | undefined): readonly [string, Part][] =>
  (status?.intakes ?? []).map(({ kind, technology, state, reason }) => {
    const takes = state === 'consuming' || state === 'paused';
    const isWell = state === 'consuming' && reason === undefined;
    return [
      `${kind} (${technology})`,
      { status: takes ? 'up' : 'down', degraded: !isWell, state, reason },
    ];
  });

/** Without its database nothing of a service works: what else is down follows from it. */
function rootOf(down: readonly [string, Part][]): readonly [string, Part][] {
  const root = down.filter(([name]) => name === 'database');
  return root.length > 0 ? root : down;
}

const cause = ([name, { state, reason, message }]: [string, Part]): string =>
  `${name}: ${reason ?? message ?? state ?? 'it gives no reason'}`;
