import type { Finding } from '@parley/messaging/transport';
import type { Management } from './management';
import { deadQueue } from './topology';

/** Settings on which it depends whether a confirmed command survives a crash of the broker. */
export async function checkDurability(
  management: Management,
  owner: string,
): Promise<readonly Finding[]> {
  const [version, persistence, sync, settings] = await Promise.all([
    management.ask<string>('getVersion'),
    management.ask<boolean>('isPersistenceEnabled'),
    management.ask<boolean>('isJournalSyncNonTransactional'),
    management.settings(owner),
  ]);
  const full = String(settings.addressFullMessagePolicy ?? 'PAGE');
  const dead = String(settings.deadLetterAddress ?? '');
  return [
    {
      what: `version ${version}`,
      verdict: 'safe',
      says: 'ActiveMQ Artemis, spoken to by AMQP 1.0',
    },
    persistence
      ? {
          what: 'persistence-enabled true',
          verdict: 'safe',
          says: 'commands are written to the journal',
        }
      : {
          what: 'persistence-enabled false',
          verdict: 'unsafe',
          says: 'a restart loses every command; set persistence-enabled to true',
        },
    sync
      ? {
          what: 'journal-sync-non-transactional true',
          verdict: 'safe',
          says: 'a command is confirmed when it is on the disk',
        }
      : {
          what: 'journal-sync-non-transactional false',
          verdict: 'unsafe',
          says: 'a crash loses commands that were confirmed; set it to true',
        },
    full === 'PAGE' || full === 'BLOCK' || full === 'FAIL'
      ? {
          what: `address-full-policy ${full}`,
          verdict: 'safe',
          says: 'no command is dropped when memory is full',
        }
      : {
          what: `address-full-policy ${full}`,
          verdict: 'unsafe',
          says: 'commands are dropped without a word when memory is full; set PAGE',
        },
    // A service that owns no commands has nothing there.
    ...(dead === deadQueue(owner)
      ? [
          {
            what: `dead-letter-address ${dead}`,
            verdict: 'safe' as const,
            says: 'the owner keeps what the broker gives up on',
          },
        ]
      : []),
  ];
}
