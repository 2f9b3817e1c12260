import type { ElapsedClock } from './elapsed-clock';

/** The last replies by request, at most `most` of them: the least recently noted goes first. */
export class RecentReplies<T> {
  private readonly replies = new Map<string, { readonly reply: T; readonly at: number }>();

  constructor(
    private readonly clock: ElapsedClock,
    private readonly most: number,
  ) {}

  note(request: string, reply: T): void {
    this.replies.delete(request);
    this.replies.set(request, { reply, at: this.clock.elapsed() });
    if (this.replies.size > this.most) {
      const [oldest] = this.replies.keys();
      this.replies.delete(oldest!);
    }
  }

  /** The last reply, if it is at most `maxAgeMs` old. */
  of(request: string, maxAgeMs: number): T | undefined {
    const found = this.replies.get(request);
    return found && this.clock.elapsed() - found.at <= maxAgeMs ? found.reply : undefined;
  }
}
