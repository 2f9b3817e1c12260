/**
 * Steps of a message's way, each with its state at that point. Only a test uses them: it may end
 * the process at any of them.
 */
export const FAILPOINTS = {
  'transaction.worked':
    'the work is done (a saga: its state is saved); its messages are not stored',
  'transaction.stored': 'its messages are stored, too; not acknowledged, not committed',
  'transaction.committed': 'committed; nobody was woken, nothing is relayed or acknowledged',
  'relay.read': 'read from the outbox; not published',
  'relay.published': 'confirmed by the technology; still in the outbox',
  'relay.removed': 'out of the outbox',
  'delivery.received': 'handed to the pipeline; nothing is done',
  'delivery.handled': 'decided and, if handled, committed; the technology was not told',
  'handler.returned':
    'the handler has returned, its effects outside happened; nothing is committed',
  'inbox.recorded': 'written into the inbox; not committed',
  'message.kept':
    'the failed message or the one behind it is in the service’s own store; the technology was not told',
  'saga.saved': 'the saga’s new state is stored; none of its messages is',
  'queue.claimed': 'leased; not handed over',
  'queue.settled': 'acknowledged, put back for a retry, or buried',
} as const;

export type Failpoint = keyof typeof FAILPOINTS;

/** Called at every step of a message's way. Only tests pass one; it may end the process. */
export type FailpointHook = (point: Failpoint) => void;

/** The text names no step, or no pass of one. */
export class UnknownFailpointError extends Error {
  override readonly name = 'UnknownFailpointError';
}

/**
 * Calls `end` at the nth pass of a point. `spec`: `relay.published:17`; several are separated by
 * commas, and the first one reached counts.
 * @throws UnknownFailpointError
 */
export function crashAt(spec: string, end: (point: Failpoint) => void): FailpointHook {
  const left = new Map(spec.split(',').map(parsed));
  return (point) => {
    const passes = left.get(point);
    if (passes === undefined) return;
    left.set(point, passes - 1);
    if (passes === 1) end(point);
  };
}

function parsed(text: string): [Failpoint, number] {
  const [point = '', passes = '1'] = text.trim().split(':');
  if (!(point in FAILPOINTS) || !/^[1-9]\d*$/.test(passes)) {
    throw new UnknownFailpointError(
      `"${text}" names no step of a message's way; write relay.published:17, with one of ${Object.keys(FAILPOINTS).join(', ')}`,
    );
  }
  return [point as Failpoint, Number(passes)];
}
