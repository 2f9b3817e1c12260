const TICK_MS = 10;
/** Milliseconds of a turn of the event loop that count at most, unless it computes for longer. */
const TURN_MS = 20;

/**
 * The milliseconds that the work took this process, and its result. A process that a busy machine
 * does not let run is late with its timers, however short they are: time in which it neither
 * waited in its event loop nor computed does not count.
 */
export async function ownTime<T>(work: () => Promise<T>): Promise<[number, T]> {
  let milliseconds = 0;
  let [at, cpu] = [performance.now(), cpuNow()];
  const count = () => {
    const [now, used] = [performance.now(), cpuNow()];
    milliseconds += Math.min(now - at, Math.max(TURN_MS, used - cpu));
    [at, cpu] = [now, used];
  };
  const ticking = setInterval(count, TICK_MS);
  try {
    const result = await work();
    count();
    return [milliseconds, result];
  } finally {
    clearInterval(ticking);
  }
}

function cpuNow(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
