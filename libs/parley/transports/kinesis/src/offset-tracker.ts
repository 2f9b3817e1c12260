/**
 * How far a shard is done, of which messages are handled side by side: the position never passes
 * one that is not finished.
 */
export class OffsetTracker {
  /** In the order of the shard, from the first one that is not finished on. */
  private readonly open: { readonly sequence: string; isDone: boolean }[] = [];
  /** Not finished. */
  count = 0;

  constructor(
    /** Everything up to here is finished. */
    public position: string,
  ) {}

  /** Returns the function to call when it is finished. */
  begin(sequence: string): () => void {
    const entry = { sequence, isDone: false };
    this.open.push(entry);
    this.count++;
    return () => {
      if (entry.isDone) return;
      entry.isDone = true;
      this.count--;
      while (this.open[0]?.isDone) this.position = this.open.shift()!.sequence;
    };
  }
}
