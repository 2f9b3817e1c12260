import process from 'node:process';

/** The resource of the check itself, which runs in an immediate. */
const LOOKING = 'Immediate';

/**
 * Tells work that waits for something real, as a file, a socket or a timer of Node's, from work
 * that waits for virtual time.
 */
export class RealWork {
  private usual = count();

  /**
   * Takes the present state as idle: resources that stay open, such as a server's socket, are no
   * work.
   */
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
