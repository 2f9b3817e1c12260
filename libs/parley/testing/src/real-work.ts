import process from 'node:process';

/** What keeps a process busy by itself: the look at it. */
const LOOKING = 'Immediate';

/**
 * Tells work that waits for something real, as a file, a socket or a timer of Node's, from work
 * that waits for virtual time.
 */
export class RealWork {
  private usual = count();

  /** Nothing is under way now: what is open all the same, as a server's socket, is no work. */
  none(): void {
    this.usual = count();
  }

  goesOn(): boolean {
    return [...count()].some(([what, number]) => number > (this.usual.get(what) ?? 0));
  }
}

function count(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const what of process.getActiveResourcesInfo())
    if (what !== LOOKING) counts.set(what, (counts.get(what) ?? 0) + 1);
  return counts;
}
