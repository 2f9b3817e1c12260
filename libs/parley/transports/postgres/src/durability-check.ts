import type { Finding } from '@parley/messaging/transport';
import type { Caller } from './connection/database';

const SETTINGS = {
  name: 'parley_settings',
  text: `SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
           current_setting('synchronous_commit') AS synchronous_commit, current_setting('synchronous_standby_names') AS standbys,
           current_setting('data_checksums') AS data_checksums`,
};

type Settings = Readonly<
  Record<
    'fsync' | 'full_page_writes' | 'synchronous_commit' | 'standbys' | 'data_checksums',
    string
  >
>;

/**
 * Checks the server's settings that make a commit durable.
 * @see https://www.postgresql.org/docs/current/runtime-config-wal.html
 */
export async function checkDurability(database: Caller): Promise<readonly Finding[]> {
  const [settings] = await database.call<Settings>(SETTINGS, []);
  const {
    fsync,
    full_page_writes: pages,
    synchronous_commit: commit,
    standbys,
    data_checksums: checksums,
  } = settings!;
  const found = (what: string, safe: boolean, yes: string, no: string): Finding => ({
    what,
    verdict: safe ? 'safe' : 'unsafe',
    says: safe ? yes : no,
  });
  return [
    found(
      `fsync ${fsync}`,
      fsync === 'on',
      'what is committed is on the disk',
      'a power cut may lose and corrupt everything; set fsync = on',
    ),
    found(
      `full_page_writes ${pages}`,
      pages === 'on',
      'a page half written is restored',
      'a power cut may leave half a page; set full_page_writes = on',
    ),
    found(
      `synchronous_commit ${commit}`,
      commit !== 'off',
      'a commit is on the disk when it is confirmed',
      'the last commits may be lost in a crash; set synchronous_commit = on',
    ),
    standbys === ''
      ? {
          what: 'synchronous_standby_names is empty',
          verdict: 'unknown',
          says: 'nothing waits for a standby: whoever fails over by hand or by a tool may lose the last commits',
        }
      : {
          what: `synchronous_standby_names ${standbys}`,
          verdict: 'safe',
          says: 'a commit is on a standby, too, when it is confirmed',
        },
    {
      what: `data_checksums ${checksums}`,
      verdict: checksums === 'on' ? 'safe' : 'unknown',
      says:
        checksums === 'on'
          ? 'a flipped bit on the disk is found'
          : 'a flipped bit on the disk is not found',
    },
  ];
}
