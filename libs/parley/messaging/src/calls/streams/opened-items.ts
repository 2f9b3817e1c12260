import type { Items, StreamPart, StreamResult } from '../../ports/call-transport';

/**
 * Waits for the first part of a stream. A fault in place of an item is the answer to the request,
 * as that of a call.
 */
export async function openedItems(items: Items): Promise<StreamResult> {
  const first = await items.next();
  if (first.item === undefined && first.fault) return { ok: false, fault: first.fault };
  return { ok: true, items: beginningWith(first, items) };
}

function beginningWith(first: StreamPart, items: Items): Items {
  let unread: StreamPart | undefined = first;
  return {
    ended: items.ended,
    next: async () => {
      const part = unread ?? (await items.next());
      unread = undefined;
      return part;
    },
  };
}
