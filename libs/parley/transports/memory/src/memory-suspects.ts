import type { Clock, Suspects, UnfinishedHandling } from '@parley/messaging';

/** Handlings without an outcome. */
export class MemorySuspects implements Suspects {
  private readonly unfinished = new Map<string, UnfinishedHandling[]>();
  private readonly readers = new Map<string, string>();

  constructor(private readonly clock: Clock) {}

  async begin(subscription: string, messageId: string, instance: string): Promise<readonly UnfinishedHandling[]> {
    const entry = `${subscription}\n${messageId}`;
    const before = this.unfinished.get(entry) ?? [];
    this.unfinished.set(entry, [...before, { instance, at: new Date(this.clock.now()) }]);
    return before;
  }

  async end(subscription: string, messageId: string): Promise<void> {
    this.unfinished.delete(`${subscription}\n${messageId}`);
  }

  async take(subscription: string, part: string, reader: string): Promise<boolean> {
    const entry = `${subscription}\n${part}`;
    const former = this.readers.get(entry);
    this.readers.set(entry, reader);
    return former !== undefined && former !== reader;
  }

  async handBack(subscription: string, parts: readonly string[], reader: string): Promise<void> {
    for (const part of parts) if (this.readers.get(`${subscription}\n${part}`) === reader) this.readers.delete(`${subscription}\n${part}`);
  }
}
