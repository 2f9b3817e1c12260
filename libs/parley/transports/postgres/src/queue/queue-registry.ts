import type { Database, Statement } from '../connection/database';

/** Ids of queues in the tables: read once, created when missing. */
export class QueueRegistry {
  private readonly known = new Map<string, Promise<number>>();

  constructor(private readonly database: Database) {}

  of(queue: string): Promise<number> {
    const known = this.known.get(queue) ?? this.open(queue);
    this.known.set(queue, known);
    return known;
  }

  private async open(queue: string): Promise<number> {
    try {
      const [row] = await this.database.call<{ id: number }>(OPEN, [queue]);
      return row!.id;
    } catch (error) {
      this.known.delete(queue);
      throw error;
    }
  }
}

const OPEN: Statement = { name: 'parley_open_queue', text: 'select parley.open_queue($1) id' };
