import { useEffect, useState } from 'react';

/** Stages follow each other in hundredths of a second; a person needs longer to see one. */
const STEP_MS = 700;

/**
 * The lines of a history, one at a time. What was there when an order is looked at again is there at
 * once.
 */
export function useSlowly<T>(
  of: string | undefined,
  all: readonly T[],
  isNew: boolean,
): readonly T[] {
  const [shown, setShown] = useState({ of, count: 0 });
  const count = shown.of === of ? shown.count : 0;
  const isBehind = count < all.length;
  useEffect(() => {
    if (!isBehind) return;
    if (!isNew) return setShown({ of, count: all.length });
    const timer = setTimeout(() => setShown({ of, count: count + 1 }), count === 0 ? 0 : STEP_MS);
    return () => clearTimeout(timer);
  }, [of, count, isBehind, isNew, all.length]);
  return all.slice(0, count);
}
