import type { Clock, Suspects, UnfinishedHandling } from '@parley/messaging/transport';

/** In-memory counts of handlings without an outcome. */
export class MemorySuspects implements Suspects {
  private readonly begun = new Map<string, readonly UnfinishedHandling[]>();
  private readonly readers = new Map<string, string>();

  constructor(private readonly clock: Clock) {}

  async begin(subscription: string, messageId: string, instance: string): Promise<void> {
    const before = await this.unfinished(subscription, messageId);
    this.begun.set(`${subscription}\n${messageId}`, [
      ...before,
      { instance, at: new Date(this.clock.now()) },
    ]);
  }

  async unfinished(
    subscription: string,
    messageId: string,
  ): Promise<readonly UnfinishedHandling[]> {
    return this.begun.get(`${subscription}\n${messageId}`) ?? [];
  }

  async end(subscription: string, messageId: string): Promise<void> {
    this.begun.delete(`${subscription}\n${messageId}`);
  }

  async take(subscription: string, part: string, reader: string): Promise<boolean> {
    const entry = `${subscription}\n${part}`;
    const former = this.readers.get(entry);
    this.readers.set(entry, reader);
    return former !== undefined && former !== reader;
  }

  async handBack(subscription: string, parts: readonly string[], reader: string): Promise<void> {
    for (const part of parts)
      if (this.readers.get(`${subscription}\n${part}`) === reader)
        this.readers.delete(`${subscription}\n${part}`);
  }
}
