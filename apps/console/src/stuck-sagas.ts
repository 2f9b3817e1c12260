import { z } from 'zod';
import type { Answer } from './fleet';

const Letters = z.object({
  deadLetters: z.array(
    z.object({ id: z.string(), holds: z.boolean(), headers: z.record(z.string(), z.string()) }),
  ),
});
const Sagas = z.array(z.looseObject({ correlationId: z.string() }));

/**
 * A dead letter of a saga's conversation. `holds`: what the saga says under its key waits behind
 * it.
 */
export interface DeadOfSaga {
  /** `inventory/3` */
  readonly letter: string;
  readonly contract: string;
  readonly holds: boolean;
}

/** Dead letters of all services, by the conversation they belong to. */
export function deadOf(answers: readonly Answer[]): ReadonlyMap<string, readonly DeadOfSaga[]> {
  const found = new Map<string, DeadOfSaga[]>();
  for (const { service, body } of answers) {
    const letters = Letters.safeParse(body).data?.deadLetters ?? [];
    for (const { id, holds, headers } of letters) {
      const { correlationid, type = '' } = headers;
      if (correlationid === undefined) continue;
      const others = found.get(correlationid) ?? [];
      found.set(correlationid, [...others, { letter: `${service}/${id}`, contract: type, holds }]);
    }
  }
  return found;
}

/**
 * A service's sagas, each with the dead letters of its conversation: an ended one may have said
 * what waits behind them.
 */
export function withDead(answer: Answer, dead: ReadonlyMap<string, readonly DeadOfSaga[]>): Answer {
  const sagas = Sagas.safeParse(answer.body).data;
  if (!sagas) return answer;
  return {
    ...answer,
    body: sagas.map((saga) => ({ ...saga, dead: dead.get(saga.correlationId) ?? [] })),
  };
}
