import type { Client } from 'pg';
import { installationSql, type ServiceRole } from './installation-sql';
import { withPatience } from './patience';

/**
 * Milliseconds that a change waits for another installation, and for a table in use: statements
 * that need the table meanwhile queue behind the change.
 */
const LOCK_TIMEOUT_MS = 2_000;
/**
 * Brings the schema `parley` of a database up to date and registers its services; existing data
 * stays. Needs a role that may create roles and schemas. Concurrent calls are safe, and services
 * may run meanwhile.
 * @param log called with a sentence when a table is in use, or another installation runs, before the next
 * attempt
 */
export async function install(
  client: Client,
  services: readonly ServiceRole[],
  log: (sentence: string) => void = () => undefined,
): Promise<void> {
  try {
    await withPatience(() => installOnce(client, services), {
      waits: (reason, next) =>
        log(
          `parley is being installed: a table is in use, or another installation runs (${reason}); ${next}`,
        ),
    });
  } catch (error) {
    throw new Error(`parley could not be installed: ${(error as Error).message}`, { cause: error });
  }
}

/** Installs everything in one transaction. */
async function installOnce(client: Client, services: readonly ServiceRole[]): Promise<void> {
  await client.query(
    `begin; set local lock_timeout = ${LOCK_TIMEOUT_MS}; set local statement_timeout = 0`,
  );
  try {
    await client.query(installationSql(services));
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}
