const LOOK_EVERY_MS = 500;
/**
 * The shortest lease of all technologies, in milliseconds. A process that stands still for longer
 * may have lost the leases of its messages.
 */
export const SHORTEST_LEASE_MS = 10_000;

/**
 * Warns, once each time, that nothing could run for longer than a lease. The returned function ends
 * it.
 */
export function watchEventLoop(
  warn: (message: string) => void,
  longest = SHORTEST_LEASE_MS,
): () => void {
  let last = performance.now();
  const look = () => {
    const now = performance.now();
    const blocked = now - last - LOOK_EVERY_MS;
    last = now;
    if (blocked <= longest) return;
    warn(
      `the event loop was blocked, or the process stopped, for ${(blocked / 1_000).toFixed(1)} s: longer than a lease of ${longest / 1_000} s, so that others may handle what was handled here; look for work that takes the processor`,
    );
  };
  const timer = setInterval(look, LOOK_EVERY_MS).unref();
  return () => clearInterval(timer);
}
