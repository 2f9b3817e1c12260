import { randomUUID } from 'node:crypto';
import type { TransportContext } from '../ports/transport';

/**
 * Name of a reader of logs or lanes: the instance and a random part, for a restarted instance must
 * differ from its predecessor.
 */
export const readerName = (instance: string): string => `${instance}/${randomUUID().slice(0, 8)}`;

/**
 * Records in the service's store which parts of a log, or lanes, a reader has. A part that its
 * former reader did not hand back may have ended that reader's process.
 */
export class PartTakeover {
  constructor(
    private readonly subscription: string,
    private readonly reader: string,
    private readonly context: Pick<TransportContext, 'store'>,
  ) {}

  /**
   * Returns true when the former reader did not hand the part back, or when the store cannot be
   * asked.
   */
  async take(part: string): Promise<boolean> {
    const { suspects } = this.context.store ?? {};
    return suspects?.take(this.subscription, part, this.reader).catch(() => true) ?? false;
  }

  /** Never rejects. */
  async handBack(parts: readonly string[]): Promise<void> {
    if (parts.length === 0) return;
    await this.context.store?.suspects
      ?.handBack(this.subscription, parts, this.reader)
      .catch(() => undefined);
  }
}
