import type { Finding } from '@parley/messaging/transport';
import type { Address } from './address';
import { queueNames, type Topology } from './topology';

const FORTNIGHT_SECONDS = 14 * 24 * 3_600;

/** Checks whether confirmed commands are still there later. */
export async function checkDurability(
  topology: Topology,
  address: Address,
  service: string,
): Promise<readonly Finding[]> {
  const { commands, lanes } = queueNames(address.prefix, service);
  const queues = await Promise.all(
    [commands, lanes].map(async (queue) => ({ queue, url: await topology.urlOf(queue) })),
  );
  const found = await Promise.all(
    queues.map(({ queue, url }) =>
      url === undefined ? [missing(queue)] : findingsOf(topology, queue, url),
    ),
  );
  return [storage(address), ...found.flat()];
}

function storage(address: Address): Finding {
  if (address.endpoint === undefined)
    return {
      what: 'Amazon SQS',
      verdict: 'safe',
      says: 'confirms what it has stored on several servers',
    };
  return {
    what: `SQS at ${address}`,
    verdict: 'unknown',
    says: 'this is not Amazon’s: whether it stores before it confirms, only its own settings say',
  };
}

async function findingsOf(
  topology: Topology,
  queue: string,
  url: string,
): Promise<readonly Finding[]> {
  const { MessageRetentionPeriod, RedrivePolicy } = await topology.attributesOf(url);
  return [retention(queue, MessageRetentionPeriod), redrive(queue, RedrivePolicy)];
}

function retention(queue: string, seconds: string | undefined): Finding {
  const what = `${queue}: MessageRetentionPeriod ${seconds ?? 'not told'}`;
  if (seconds === undefined)
    return {
      what,
      verdict: 'unknown',
      says: 'commands that nobody handles are deleted after that time; set it to 1209600, 14 days',
    };
  if (Number(seconds) < FORTNIGHT_SECONDS)
    return {
      what,
      verdict: 'unsafe',
      says: 'commands that nobody handled by then are deleted; set it to 1209600, 14 days',
    };
  return {
    what,
    verdict: 'safe',
    says: 'commands wait 14 days for their owner, the longest SQS has; after that they are deleted',
  };
}

function redrive(queue: string, policy: string | undefined): Finding {
  const what = `${queue}: RedrivePolicy ${policy ?? 'none'}`;
  if (policy === undefined)
    return {
      what,
      verdict: 'unsafe',
      says: 'a command that kills its consumer comes back until it is deleted by age; set it as `topology` prints it',
    };
  return {
    what,
    verdict: 'safe',
    says: 'a command that kills its consumer goes to the dead letters in the end',
  };
}

const missing = (queue: string): Finding => ({
  what: `${queue}: not there`,
  verdict: 'unknown',
  says: 'it is made by the first sender, or by the service itself',
});
