/**
 * Steps of a message's way, each with what is done by then. A trial may end the process at any of
 * them; nothing else asks.
 */
export const FAIL_POINTS = {
  'transaction.worked': 'the work is done (a saga: its state is saved); what it said is not stored',
  'transaction.said': 'what it said is stored, too; not acknowledged, not committed',
  'transaction.committed': 'committed; nobody was woken, nothing is relayed or acknowledged',
  'relay.read': 'read from the outbox; not published',
  'relay.published': 'confirmed by the technology; still in the outbox',
  'relay.removed': 'out of the outbox',
  'delivery.received': 'handed to the pipeline; nothing is done',
  'delivery.handled': 'decided and, if handled, committed; the technology was not told',
  'handler.returned': 'the handler is through, its effects outside happened; nothing is committed',
  'inbox.recorded': 'written into the inbox; not committed',
  'message.kept':
    'the failed message or the one behind it is in the service’s own store; the technology was not told',
  'saga.saved': 'the saga’s new state is stored; nothing it says is said',
  'queue.claimed': 'leased; not handed over',
  'queue.told': 'acknowledged, put back for a retry, or buried',
} as const;

export type FailPoint = keyof typeof FAIL_POINTS;

/** Told of every step a message takes. Only trials give one; it may end the process. */
export type Passes = (point: FailPoint) => void;

/** Names no step, or no pass of one. */
export class UnknownFailPoint extends Error {
  override readonly name = 'UnknownFailPoint';
}

/**
 * Calls `end` at the nth pass of a point. `spec`: `relay.published:17`; several are separated by
 * commas, and the first one reached counts.
 * @throws UnknownFailPoint
 */
export function endAt(spec: string, end: (point: FailPoint) => void): Passes {
  const left = new Map(spec.split(',').map(parsed));
  return (point) => {
    const passes = left.get(point);
    if (passes === undefined) return;
    left.set(point, passes - 1);
    if (passes === 1) end(point);
  };
}

function parsed(text: string): [FailPoint, number] {
  const [point = '', passes = '1'] = text.trim().split(':');
  if (!(point in FAIL_POINTS) || !/^[1-9]\d*$/.test(passes)) {
    throw new UnknownFailPoint(
      `"${text}" names no step of a message's way; say relay.published:17, with one of ${Object.keys(FAIL_POINTS).join(', ')}`,
    );
  }
  return [point as FailPoint, Number(passes)];
}
