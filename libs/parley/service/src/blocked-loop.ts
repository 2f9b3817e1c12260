import { isDuration, milliseconds } from '@parley/contract';

const LOOK_EVERY_MS = 500;
/**
 * The shortest lease of all technologies, in milliseconds. A process that stands still for longer
 * may have lost the leases of its messages.
 */
export const SHORTEST_LEASE_MS = 10_000;

/** Options of URLs that set a lease: of SQS and Kinesis, and of members of Kafka's groups. */
const LEASE_OPTIONS = ['lease', 'session'] as const;

/** Milliseconds of the shortest lease, also of one that these URLs set. */
export function shortestLeaseOf(urls: readonly (string | undefined)[]): number {
  const set = urls.flatMap((url) => {
    // Not a URL of the platform: Kafka's may name several hosts.
    const options = new URLSearchParams(url?.split('?')[1]);
    return LEASE_OPTIONS.flatMap((name) => {
      const lease: unknown = options.get(name);
      return isDuration(lease) ? milliseconds(lease) : [];
    });
  });
  return Math.min(SHORTEST_LEASE_MS, ...set);
}

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
