import { randomUUID } from 'node:crypto';
import type { Store } from '@parley/messaging';
import { DataSource, type MigrationInterface } from 'typeorm';

/**
 * A schema of its own, as a service has one, in the PostgreSQL that tests are given
 * (`PARLEY_TEST_POSTGRES`): migrated at first, dropped at last.
 */
export class TemporarySchema implements Pick<Store, 'transaction'> {
  private constructor(
    readonly dataSource: DataSource,
    private readonly name: string,
  ) {}

  static async create(
    url: string | undefined,
    migrations: readonly (new () => MigrationInterface)[],
  ): Promise<TemporarySchema> {
    if (url === undefined)
      throw new Error(
        'PARLEY_TEST_POSTGRES is not set; run the tests by `npm test` or through the root jest.config.js',
      );
    const name = `trial_${randomUUID().slice(0, 8)}`;
    const admin = await new DataSource({ type: 'postgres', url, poolSize: 1 }).initialize();
    await admin.query(`create schema ${name}`);
    await admin.destroy();
    const own = new DataSource({
      type: 'postgres',
      url,
      schema: name,
      connectTimeoutMS: 10_000,
      poolSize: 8,
      migrations: [...migrations],
      extra: { options: `-c search_path=${name}` },
    });
    await own.initialize();
    await own.runMigrations();
    return new TemporarySchema(own, name);
  }

  transaction: Store['transaction'] = (work, last) =>
    this.dataSource.transaction(async (tx) => {
      const result = await work(tx);
      await last?.(tx);
      return result;
    });

  async drop(): Promise<void> {
    await this.dataSource.query(`drop schema ${this.name} cascade`);
    await this.dataSource.destroy();
  }
}
