import type { Finding } from '@parley/messaging/transport';
import type { Address } from './address';
import { streamName, type Streams } from './topology';

/** Checks whether confirmed messages are still there later. */
export async function checkDurability(
  streams: Streams,
  address: Address,
  service: string,
): Promise<readonly Finding[]> {
  const found = await Promise.all(
    (['command', 'event'] as const).map((kind) =>
      retention(streams, address, streamName(address, service, kind)),
    ),
  );
  return [storage(address), ...found];
}

function storage(address: Address): Finding {
  if (address.endpoint === undefined)
    return {
      what: 'Amazon Kinesis',
      verdict: 'safe',
      says: 'confirms what it has stored in three places',
    };
  return {
    what: `Kinesis at ${address}`,
    verdict: 'unknown',
    says: 'this is not Amazon’s: whether it stores before it confirms, only its own settings say',
  };
}

async function retention(streams: Streams, address: Address, stream: string): Promise<Finding> {
  const hours = (await streams.find(stream))?.RetentionPeriodHours;
  const what = `${stream}: RetentionPeriodHours ${hours ?? 'not there'}`;
  if (hours === undefined)
    return { what, verdict: 'unknown', says: 'it is made by whoever needs it first' };
  if (hours < address.retention)
    return {
      what,
      verdict: 'unsafe',
      says: `what nobody has read by then is gone; raise it to ${address.retention}`,
    };
  return {
    what,
    verdict: 'safe',
    says: 'messages wait so long for their readers; what nobody has read by then is gone',
  };
}
