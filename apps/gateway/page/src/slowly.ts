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
    const show = (to: number) => setShown({ of, count: to });
    if (!isNew) return show(all.length);
    if (count === 0) return show(1);
    const timer = setTimeout(() => show(count + 1), STEP_MS);
    return () => clearTimeout(timer);
  }, [of, count, isBehind, isNew, all.length]);
  return all.slice(0, count);
}
