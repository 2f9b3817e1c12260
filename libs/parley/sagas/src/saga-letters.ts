import type { DeadLetters } from '@parley/messaging/transport';

/** Letters of a subscription that are looked at. */
const MOST = 1_000;

/** A message whose step died: it holds the lane of its saga alone. */
export interface SagaLetter {
  readonly id: string;
  readonly contract: string;
  readonly error: string;
}

/** The dead letters of a saga's own subscription that are for this saga, the oldest first. */
export async function lettersOf(
  { service, letters }: { readonly service: string; readonly letters?: DeadLetters },
  saga: string,
  key: string,
): Promise<readonly SagaLetter[]> {
  const found = await letters?.list({ subscription: `${service}.${saga}`, limit: MOST });
  return (found ?? [])
    .filter(({ headers }) => headers.partitionkey === key)
    .map(({ id, headers, failure }) => ({
      ...{ id, contract: headers.type ?? '' },
      error: `${failure.error}: ${failure.message.split('\n', 1)[0]}`,
    }));
}
